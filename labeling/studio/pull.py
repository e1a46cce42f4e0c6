"""Takes annotations from Label Studio: what changed since the last time, only ever adding, and what is not there any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select, update
from sqlmodel import Session

from foundation.database import unit_of_work
from foundation.failpoints import failpoint
from labeling.annotators import numbers_of_users
from labeling.drift import Finding, report_drift, report_lasting
from labeling.errors import MassDeletion, StudioGone
from labeling.ledger import Ledger
from labeling.models import (
    ANNOTATIONS,
    ANNOTATORS,
    STUDIO_PROJECTS,
    DriftKind,
    Source,
    StudioProject,
    StudioState,
)
from labeling.progress import settle_states
from labeling.project import LabelingSection
from labeling.section import current_labeling
from labeling.studio.contents import changed_by_hand
from labeling.studio.desk import Desk
from labeling.studio.gateway import PROJECT_GONE
from labeling.studio.known import Mine, known_annotations, ours_among
from labeling.studio.pages import Page, changed_pages, one_task
from labeling.studio.rows import StudioTask
from labeling.studio.settling import Place, restate, settle_task, users_of
from labeling.studio.unreadable import TRIED_AGAIN, note_unreadable, told_apart
from labeling.task_table.reading import list_unreadable
from labeling.task_table.writing import mark_readable, note_asked
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


def pull(desk: Desk, *, from_the_start: bool = False, brake: bool = True) -> Pulled:
    """Takes everything that changed since the last pull.

    Raises:
        StudioUnavailable: it does not answer; what came before is kept. StudioGone: the project is not there any more.
        MassDeletion: more than a twentieth of the annotations vanished at once (`brake`).
    """
    pulled, began = Pulled(), desk.clock()
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
    with unit_of_work(desk.database, read_only=True) as session:
        waiting = list_unreadable(session, desk.project_id, studio.ls_project, before=began, limit=TRIED_AGAIN)
    for number in waiting:
        desk.still_ours()
        _take_page(desk, studio, one_task(desk.gateway, studio.ls_project, number), pulled, limit)
    return pulled


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
    ls_project = studio.ls_project or 0
    with unit_of_work(desk.database, read_only=True) as session:
        mine = ours_among(session, desk.project_id, ls_project, page.tasks)
    # Of tasks that are not ours nobody is made an annotator of ours.
    numbers = number_users(desk, [task for task, _ in mine])
    try:
        with unit_of_work(desk.database) as session:
            brought = _settle_page(session, desk, ls_project, page, numbers)
            if limit is not None and pulled.vanished + brought.vanished > limit:
                raise MassDeletion(MASS_DELETION)
            if page.upto is not None:
                # A time from the future, by our own clock, would make us deaf until then; what is read twice adds nothing.
                _move_cursor(session, desk.project_id, min(page.upto, desk.clock()))
    except MassDeletion:
        _report(desk, Finding(DriftKind.MASS_DELETION, facts={"annotations": pulled.vanished + brought.vanished}))
        raise
    pulled.add(brought)


def _settle_page(session: Session, desk: Desk, ls_project: int, page: Page, numbers: Mapping[int, int]) -> Pulled:
    _, section = current_labeling(session, desk.project_id)
    now = desk.clock()
    shown = ours_among(session, desk.project_id, ls_project, page.tasks)
    mine, contradictory = told_apart(session, desk.project_id, ls_project, shown)
    mine, n_changed = _as_we_sent_them(session, desk.project_id, mine, section)
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
    note_unreadable(session, desk.project_id, ls_project, [*page.unreadable, *contradictory], now=now)
    mark_readable(session, desk.project_id, [own.ext_id for _, own in mine if own.is_unreadable])
    # Anybody may have changed how many annotators a task has there, and Label Studio miscounts itself.
    note_asked(session, desk.project_id, {own.ext_id: task.overlap for task, own in mine if task.overlap != own.asked})
    settle_states(session, desk.project_id, [own.item for _, own in mine])
    return Pulled(
        seen=sum(len(one.rows) for one in settled),
        counted=sum(1 for one in settled for row in one.rows if row.answers),
        vanished=sum(one.n_vanished for one in settled),
        unreadable=len(page.unreadable) + len(contradictory),
        changed=n_changed,
    )


def _as_we_sent_them(session: Session, project_id: int, mine: Mine, section: LabelingSection) -> tuple[Mine, int]:
    """Tasks that show what was sent, and how many there are whose content somebody changed."""
    # Who answered what somebody else had put there said nothing about the item: such a task is made anew.
    changed = changed_by_hand(session, project_id, ((task, own.item) for task, own in mine), section)
    return [(task, own) for task, own in mine if task.id not in changed], len(changed)


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
