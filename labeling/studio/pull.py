"""Takes annotations from Label Studio: what changed since the last time, only ever adding, and what is not there any more."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, func, select, update
from sqlmodel import Session

from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.annotators import numbers_of_users
from labeling.drift import Finding, report_drift, report_lasting, report_new_drift
from labeling.errors import MassDeletion, StudioGone
from labeling.ledger import Ledger
from labeling.models import (
    ANNOTATIONS,
    ANNOTATORS,
    STUDIO_PROJECTS,
    TASKS,
    DriftKind,
    Source,
    StudioProject,
    StudioState,
)
from labeling.progress import KNOWN_THERE, settle_states
from labeling.project import LabelingSection
from labeling.queries import current_labeling
from labeling.studio.contents import changed_by_hand
from labeling.studio.desk import Desk
from labeling.studio.gateway import PROJECT_GONE
from labeling.studio.pages import Page, changed_pages
from labeling.studio.rows import StudioTask
from labeling.studio.settling import KnownAnnotation, KnownVersion, Place, restate, settle_task, users_of
from labeling.timelines import read_guidelines, read_states

LOOK_BACK = timedelta(minutes=2)
"""Label Studio stamps a change before it commits it: a slow commit would else hide behind a later one already read."""
BRAKE_FROM = 20
BRAKE_SHARE = 0.05
MASS_DELETION = (
    "more than 5 % of what we know vanished from Label Studio at once, and none of it was taken over: restore Label "
    "Studio's backup, or accept it with `winnow labeling verify P --rebuild`"
)


@dataclass(slots=True)
class Pulled:
    """What a pull brought: versions of annotations that were new, and of these the ones that count."""

    seen: int = 0
    counted: int = 0
    vanished: int = 0
    unreadable: int = 0
    changed: int = 0
    """Tasks that show something else than was sent."""

    def add(self, other: Pulled) -> None:
        self.seen += other.seen
        self.counted += other.counted
        self.vanished += other.vanished
        self.unreadable += other.unreadable
        self.changed += other.changed


@dataclass(frozen=True, slots=True)
class OurTask:
    """A task of ours, as it is known here."""

    ext_id: uuid.UUID
    item: uuid.UUID
    ls_task: int
    asked: int


def pull(desk: Desk, *, from_the_start: bool = False, brake: bool = True) -> Pulled:
    """Takes everything that changed since the last pull.

    Raises:
        StudioUnavailable: it does not answer; what came before is kept. StudioGone: the project is not there any more.
        MassDeletion: more than a twentieth of the annotations vanished at once (`brake`).
    """
    pulled = Pulled()
    studio = desk.studio()
    if studio.state != StudioState.LIVE.value or studio.ls_project is None:
        return pulled
    if desk.gateway.read_project(studio.ls_project) is None:
        _report(desk, Finding(DriftKind.PROJECT_GONE, facts={"project": studio.ls_project}))
        raise StudioGone(PROJECT_GONE)
    since = studio.cursor - LOOK_BACK if studio.cursor and not from_the_start else None
    limit = _most_that_may_vanish(desk) if brake else None
    for page in changed_pages(desk.gateway, studio.ls_project, since):
        failpoint("pull.after_fetch")
        desk.still_ours()
        _take_page(desk, studio, page, pulled, limit)
    return pulled


def known_annotations(
    session: Session, project_id: int, ext_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[int, KnownAnnotation]]:
    """What is known of tasks' annotations: by task, by the annotation's id in Label Studio."""
    rows = session.connection().execute(
        select(ANNOTATIONS)
        .where(
            ANNOTATIONS.c.project_id == project_id,
            ANNOTATIONS.c.ext_id.in_(ext_ids),
            ANNOTATIONS.c.ls_id.is_not(None),
        )
        .order_by(ANNOTATIONS.c.seq)
    )
    found: dict[uuid.UUID, dict[int, KnownAnnotation]] = {}
    for row in rows:
        version = KnownVersion(
            seq=row.seq,
            ls_id=row.ls_id,
            annotator=row.annotator_no,
            updated_by=row.updated_by_no,
            source=Source(row.source),
            counts=row.counts,
            cancelled=row.cancelled,
            ls_updated=row.ls_updated,
            result=row.result,
        )
        found.setdefault(row.ext_id, {}).setdefault(row.ls_id, KnownAnnotation()).versions.append(version)
    return found


def our_tasks(
    session: Session, project_id: int, ls_project: int, ext_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, OurTask]:
    """Those of these tasks that are ours and should be there."""
    rows = session.connection().execute(
        select(TASKS.c.ext_id, TASKS.c.item_id, TASKS.c.ls_task, TASKS.c.asked).where(
            TASKS.c.project_id == project_id,
            TASKS.c.ls_project == ls_project,
            TASKS.c.ext_id.in_(ext_ids),
            TASKS.c.state.in_(KNOWN_THERE),
        )
    )
    return {row.ext_id: OurTask(*row) for row in rows}


def number_users(desk: Desk, tasks: Iterable[StudioTask]) -> dict[int, int]:
    """Annotator numbers of everybody who wrote in these tasks; newcomers are looked up in Label Studio once."""
    users = users_of(tasks)
    with unit_of_work(desk.database, read_only=True) as session:
        known = _numbers(session, desk.project_id)
    if users <= known.keys():
        return known
    emails = desk.gateway.list_users()
    wanted = {user: emails.get(user) for user in sorted(users)}
    with unit_of_work(desk.database) as session:
        return known | numbers_of_users(session, desk.project_id, wanted, key=desk.key, now=desk.clock())


def is_mass_deletion(vanished: int, known: int) -> bool:
    """More than a twentieth of at least twenty."""
    return known >= BRAKE_FROM and vanished > known * BRAKE_SHARE


def _take_page(desk: Desk, studio: StudioProject, page: Page, pulled: Pulled, limit: int | None) -> None:
    numbers = number_users(desk, page.tasks)
    try:
        with unit_of_work(desk.database) as session:
            brought = _settle_page(session, desk, studio, page, numbers)
            if limit is not None and pulled.vanished + brought.vanished > limit:
                raise MassDeletion(MASS_DELETION)
            # A time from the future, by our own clock, would make us deaf until then; what is read twice adds nothing.
            _move_cursor(session, desk.project_id, min(page.upto, desk.clock()))
    except MassDeletion:
        _report(desk, Finding(DriftKind.MASS_DELETION, facts={"annotations": pulled.vanished + brought.vanished}))
        raise
    pulled.add(brought)


def _settle_page(session: Session, desk: Desk, studio: StudioProject, page: Page, numbers: Mapping[int, int]) -> Pulled:
    _, section = current_labeling(session, desk.project_id)
    ls_project, now = studio.ls_project or 0, desk.clock()
    mine, n_changed = _ours_as_we_sent_them(session, desk.project_id, ls_project, page, section)
    guidelines, states = read_guidelines(session, desk.project_id), read_states(session, desk.project_id)
    places = [
        Place(own.ext_id, own.item, ls_project, section.configuration, numbers, guidelines, states) for _, own in mine
    ]
    known = known_annotations(session, desk.project_id, [own.ext_id for _, own in mine])
    ledger = Ledger(session, desk.project_id, now)
    ledger.load(own.item for _, own in mine)
    settled = [
        settle_task(task, place, known.get(place.ext_id, {}), ledger.of_item(place.item))
        for (task, _), place in zip(mine, places, strict=True)
    ]
    ledger.write([row for one in settled for row in one.rows])
    ledger.write(
        [
            row
            for (task, _), place in zip(mine, places, strict=True)
            for row in restate(task, place, known.get(place.ext_id, {}), ledger.of_item(place.item))
        ]
    )
    report_drift(session, desk.project_id, [finding for one in settled for finding in one.findings], now=now)
    report_new_drift(session, desk.project_id, _unreadable(session, desk.project_id, ls_project, page), now=now)
    _note_overlaps(session, desk.project_id, mine)
    settle_states(session, desk.project_id, [own.item for _, own in mine])
    return Pulled(
        seen=sum(len(one.rows) for one in settled),
        counted=sum(1 for one in settled for row in one.rows if row.answers),
        vanished=sum(one.n_vanished for one in settled),
        unreadable=len(page.unreadable),
        changed=n_changed,
    )


def _ours_as_we_sent_them(
    session: Session, project_id: int, ls_project: int, page: Page, section: LabelingSection
) -> tuple[list[tuple[StudioTask, OurTask]], int]:
    """Tasks of ours in a page, and how many more there are whose content somebody changed."""
    ours = our_tasks(session, project_id, ls_project, [task.ext_id for task in page.tasks if task.ext_id])
    # A number means nothing by itself: numbers are used again. The name has to stand in the task.
    mine = [
        (task, ours[task.ext_id]) for task in page.tasks if task.ext_id in ours and ours[task.ext_id].ls_task == task.id
    ]
    # Who answered what somebody else had put there said nothing about the item: such a task is made anew.
    changed = changed_by_hand(session, project_id, ((task, own.item) for task, own in mine), section)
    return [(task, own) for task, own in mine if task.id not in changed], len(changed)


def _unreadable(session: Session, project_id: int, ls_project: int, page: Page) -> list[Finding]:
    numbers = [task.id for task in page.unreadable]
    if not numbers:
        return []
    rows = session.connection().execute(
        select(TASKS.c.ls_task, TASKS.c.ext_id).where(
            TASKS.c.project_id == project_id,
            TASKS.c.ls_project == ls_project,
            TASKS.c.ls_task.in_(numbers),
            TASKS.c.state.in_(KNOWN_THERE),
        )
    )
    name_of = {row.ls_task: row.ext_id for row in rows}
    return [Finding(DriftKind.TASK_UNREADABLE, name_of.get(number), number) for number in numbers]


def _note_overlaps(session: Session, project_id: int, mine: Sequence[tuple[StudioTask, OurTask]]) -> None:
    """Notes how many annotators Label Studio has for each task: anybody may have changed it, and it miscounts itself."""
    changed = [{"task": own.ext_id, "has": task.overlap} for task, own in mine if task.overlap != own.asked]
    if changed:
        session.connection().execute(
            update(TASKS)
            .where(TASKS.c.project_id == project_id, TASKS.c.ext_id == bindparam("task"))
            .values(asked=bindparam("has")),
            changed,
        )


def _numbers(session: Session, project_id: int) -> dict[int, int]:
    rows = session.connection().execute(
        select(ANNOTATORS.c.ls_user, ANNOTATORS.c.no).where(
            ANNOTATORS.c.project_id == project_id, ANNOTATORS.c.ls_user.is_not(None)
        )
    )
    return {row[0]: row[1] for row in rows}


def _most_that_may_vanish(desk: Desk) -> int | None:
    """How many annotations may vanish in one pull; None where there are too few to speak of shares."""
    newest = (
        select(func.max(ANNOTATIONS.c.seq).label("seq"))
        .where(ANNOTATIONS.c.project_id == desk.project_id, ANNOTATIONS.c.ls_id.is_not(None))
        .group_by(ANNOTATIONS.c.ls_project, ANNOTATIONS.c.ls_id)
        .subquery()
    )
    there = (
        select(func.count())
        .select_from(newest.join(ANNOTATIONS, and_(ANNOTATIONS.c.seq == newest.c.seq)))
        .where(ANNOTATIONS.c.project_id == desk.project_id, ANNOTATIONS.c.source != Source.REMOVED.value)
    )
    with unit_of_work(desk.database, read_only=True) as session:
        n_known = int(session.connection().execute(there).scalar_one())
    return int(n_known * BRAKE_SHARE) if n_known >= BRAKE_FROM else None


def _move_cursor(session: Session, project_id: int, upto: datetime) -> None:
    session.connection().execute(
        update(STUDIO_PROJECTS).where(STUDIO_PROJECTS.c.project_id == project_id).values(cursor=upto)
    )


def _report(desk: Desk, finding: Finding) -> None:
    with unit_of_work(desk.database) as session:
        report_lasting(session, desk.project_id, finding, now=desk.clock())
