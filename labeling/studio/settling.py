"""What one task's annotations mean: which versions are new, whose they are, and which of them count. No database here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from labeling.drift import Finding
from labeling.ledger import Key, NewAnnotation, OpenAnswer
from labeling.models import AnnotatorState, DriftKind, Source
from labeling.queries import NOT_ACTIVE, SKIPPED
from labeling.questions.answers import ReadAnswers, read_answers
from labeling.questions.configuration import LabelingConfiguration
from labeling.questions.values import Held
from labeling.studio.rows import StudioAnnotation, StudioTask
from labeling.timelines import NO_VALUE, Timeline


class Why(StrEnum):
    """Why a version of an annotation does not count."""

    SKIPPED = SKIPPED
    NO_AUTHOR = "no_author"
    NOT_BY_AUTHOR = "not_by_author"
    CHANGED_BY_OTHER = "changed_by_other"
    AUTHOR_CHANGED = "author_changed"
    INVALID = "invalid_result"
    NO_ANSWER = "no_answer"
    DELETED_BY_AUTHOR = "deleted_by_author"
    DELETED_BY_OTHER = "deleted_by_other"
    ONBOARDING = NOT_ACTIVE[AnnotatorState.ONBOARDING.value]
    PAUSED = NOT_ACTIVE[AnnotatorState.PAUSED.value]
    LEFT = NOT_ACTIVE[AnnotatorState.LEFT.value]


SOMEBODY_ELSES = frozenset({Why.NO_AUTHOR, Why.NOT_BY_AUTHOR, Why.CHANGED_BY_OTHER, Why.AUTHOR_CHANGED})
KEEPS_THE_OLDER = SOMEBODY_ELSES | {Why.ONBOARDING, Why.PAUSED, Why.LEFT}
"""What is no word of the author's that counts: the answer they gave before stands."""


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A row of `annotations` that came from Label Studio."""

    seq: int
    ls_id: int
    annotator: int
    updated_by: int | None
    source: Source
    counts: bool
    cancelled: bool
    ls_updated: datetime | None
    result: Any


@dataclass(slots=True)
class KnownAnnotation:
    """All versions of one annotation; `versions` in the order they were seen, at least one."""

    versions: list[KnownVersion] = field(default_factory=list)

    @property
    def author(self) -> int:
        """Who gave it at first: a later author is somebody else's doing."""
        return self.versions[0].annotator

    @property
    def is_removed(self) -> bool:
        return self.versions[-1].source is Source.REMOVED

    @property
    def last_seen(self) -> KnownVersion | None:
        """The newest version that Label Studio showed."""
        return next((one for one in reversed(self.versions) if one.source is Source.LABEL_STUDIO), None)

    @property
    def has_counted(self) -> bool:
        return any(one.counts for one in self.versions)

    def seqs(self) -> set[int]:
        return {one.seq for one in self.versions}


@dataclass(frozen=True, slots=True)
class Place:
    """A task of ours, and what is needed to read it."""

    ext_id: uuid.UUID
    item: uuid.UUID
    ls_project: int
    configuration: LabelingConfiguration
    number_of_user: Mapping[int, int]
    """Annotator numbers by Label Studio's user ids."""
    guidelines: Timeline = NO_VALUE
    states: Mapping[int, Timeline] = field(default_factory=dict)
    """By annotator number; who is not in it was active all the time."""


@dataclass(slots=True)
class Settled:
    """Rows to add, what to report, and how many annotations of it vanished."""

    rows: list[NewAnnotation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    n_vanished: int = 0


def settle_task(
    task: StudioTask, place: Place, known: Mapping[int, KnownAnnotation], counting: Mapping[Key, OpenAnswer]
) -> Settled:
    """What a task, as Label Studio shows it now, adds to what is known of it. Applied twice, it adds nothing.

    Args:
        known: annotations seen before, by their ids there.
        counting: answers that count now, for the task's item.
    """
    settled = Settled()
    for annotation in sorted(task.annotations, key=lambda one: (one.updated_at, one.id)):
        _settle_version(annotation, place, known.get(annotation.id), counting, settled)
    listed = {annotation.id for annotation in task.annotations}
    for ls_id, before in known.items():
        if ls_id not in listed and not before.is_removed:
            _settle_removal(task, ls_id, place, before, counting, settled)
    return settled


def restate(
    task: StudioTask, place: Place, known: Mapping[int, KnownAnnotation], counting: Mapping[Key, OpenAnswer]
) -> list[NewAnnotation]:
    """Older answers that count again, since the newer one that had replaced them was taken back by its author."""
    newest: dict[Key, tuple[StudioAnnotation, Held]] = {}
    for annotation in sorted(task.annotations, key=lambda one: (one.updated_at, one.id)):
        author = _author(annotation, place)
        if author is None:
            continue
        why, read = _judge(annotation, place, author, known.get(annotation.id))
        if why is None:
            newest.update(((place.item, author, question), (annotation, value)) for question, value in read.held())
    return [
        NewAnnotation(
            item=place.item,
            annotator=key[1],
            source=Source.RESTATED,
            created_at=annotation.created_at,
            answers=((key[2], value),),
            ext_id=place.ext_id,
            ls_project=place.ls_project,
            ls_id=annotation.id,
            guidelines=place.guidelines.at(annotation.updated_at),
        )
        for key, (annotation, value) in newest.items()
        if key not in counting
    ]


def is_same(version: KnownVersion, annotation: StudioAnnotation, place: Place) -> bool:
    """Whether a stored version is what Label Studio shows."""
    return (
        version.cancelled == annotation.cancelled
        and version.updated_by == _number(annotation.updated_by, place)
        and version.result == kept_result(annotation.result)
        and (annotation.author is None or version.annotator == _number(annotation.author, place))
    )


def kept_result(result: Any) -> Any:
    """The result as it is stored: nothing of one that is larger than an answer can be."""
    faults = read_answers(result, LabelingConfiguration()).faults
    return None if any(fault.reason == "too_large" or fault.pointer == "" for fault in faults) else result


def users_of(tasks: Iterable[StudioTask]) -> set[int]:
    """Everybody who wrote an annotation of these tasks, or is said to have."""
    users: set[int | None] = set()
    for task in tasks:
        for annotation in task.annotations:
            users.update((annotation.author, annotation.updated_by))
    return {user for user in users if user is not None}


def _settle_version(
    annotation: StudioAnnotation,
    place: Place,
    before: KnownAnnotation | None,
    counting: Mapping[Key, OpenAnswer],
    settled: Settled,
) -> None:
    author = _author(annotation, place)
    if author is None:
        return
    last = before.last_seen if before and not before.is_removed else None
    if last is not None and (last.ls_updated == annotation.updated_at or is_same(last, annotation, place)):
        return
    why, read = _judge(annotation, place, author, before)
    owner = before.author if before else author
    closes = _answers_of(before, counting, place.item, owner) if before and why not in KEEPS_THE_OLDER else ()
    settled.rows.append(
        NewAnnotation(
            item=place.item,
            annotator=author,
            source=Source.LABEL_STUDIO,
            created_at=annotation.created_at,
            answers=read.held() if why is None else (),
            why_not=why,
            cancelled=annotation.cancelled,
            result=kept_result(annotation.result),
            ext_id=place.ext_id,
            ls_project=place.ls_project,
            ls_id=annotation.id,
            # One that was away and is back has its old time: such a row is told apart by having none.
            ls_updated=None if before and before.is_removed else annotation.updated_at,
            updated_by=_number(annotation.updated_by, place),
            guidelines=place.guidelines.at(annotation.updated_at),
            lead_time_s=annotation.lead_time_s,
            closes=closes,
        )
    )
    finding = _finding(annotation, place, why, author, read)
    if finding is not None:
        settled.findings.append(finding)


def _judge(
    annotation: StudioAnnotation, place: Place, author: int, before: KnownAnnotation | None
) -> tuple[Why | None, ReadAnswers]:
    """Why a version does not count (None: it does), and what it says."""
    nothing = ReadAnswers()
    if before is not None and before.author != author:
        return Why.AUTHOR_CHANGED, nothing
    if annotation.updated_by is None:
        return Why.NO_AUTHOR, nothing
    if annotation.updated_by != annotation.author:
        return Why.CHANGED_BY_OTHER if before and before.has_counted else Why.NOT_BY_AUTHOR, nothing
    state = place.states.get(author, NO_VALUE).at(annotation.updated_at)
    if state in NOT_ACTIVE:
        return Why(NOT_ACTIVE[state]), nothing
    if annotation.cancelled:
        return Why.SKIPPED, nothing
    read = read_answers(annotation.result, place.configuration)
    if read.faults:
        return Why.INVALID, read
    return (None if read.held() else Why.NO_ANSWER), read


def _finding(
    annotation: StudioAnnotation, place: Place, why: Why | None, author: int, read: ReadAnswers
) -> Finding | None:
    kind = (
        {
            Why.NO_AUTHOR: DriftKind.ANNOTATION_FORGED,
            Why.NOT_BY_AUTHOR: DriftKind.ANNOTATION_FORGED,
            Why.CHANGED_BY_OTHER: DriftKind.ANNOTATION_CHANGED,
            Why.AUTHOR_CHANGED: DriftKind.ANNOTATION_CHANGED,
            Why.INVALID: DriftKind.ANNOTATION_INVALID,
        }.get(why)
        if why
        else None
    )
    if kind is None:
        return None
    facts: dict[str, Any] = {"why": why, "annotator": author, "by": _number(annotation.updated_by, place)}
    if read.faults:
        facts["reasons"] = sorted({fault.reason for fault in read.faults})
    return Finding(kind, place.ext_id, annotation.id, facts)


def _settle_removal(
    task: StudioTask,
    ls_id: int,
    place: Place,
    before: KnownAnnotation,
    counting: Mapping[Key, OpenAnswer],
    settled: Settled,
) -> None:
    """An annotation that is not there any more.

    Label Studio keeps no record of deletions. It only tells who changed the task last: when that is the author, the
    author took the answer back. Anybody else, or nobody, and the answer is kept. Every removal is reported, since a
    task's last change can be forged, too.
    """
    deleter = _number(task.updated_by, place)
    by_author = deleter is not None and deleter == before.author
    settled.n_vanished += 1
    settled.rows.append(
        NewAnnotation(
            item=place.item,
            annotator=before.author,
            source=Source.REMOVED,
            created_at=task.updated_at,
            why_not=Why.DELETED_BY_AUTHOR if by_author else Why.DELETED_BY_OTHER,
            ext_id=place.ext_id,
            ls_project=place.ls_project,
            ls_id=ls_id,
            updated_by=deleter,
            closes=_answers_of(before, counting, place.item, before.author) if by_author else (),
        )
    )
    facts = {"annotator": before.author, "by": deleter, "is_kept": not by_author and before.has_counted}
    settled.findings.append(Finding(DriftKind.ANNOTATION_VANISHED, place.ext_id, ls_id, facts))


def _answers_of(
    before: KnownAnnotation, counting: Mapping[Key, OpenAnswer], item: uuid.UUID, annotator: int
) -> tuple[tuple[Key, int], ...]:
    """Answers that count now because of this annotation, with the row each is from."""
    seqs = before.seqs()
    return tuple(
        (key, answer.seq)
        for key, answer in counting.items()
        if key[0] == item and key[1] == annotator and answer.seq in seqs
    )


def _author(annotation: StudioAnnotation, place: Place) -> int | None:
    """The annotator it claims to be by; where it names nobody, whoever wrote it."""
    user = annotation.author if annotation.author is not None else annotation.updated_by
    return _number(user, place)


def _number(user: int | None, place: Place) -> int | None:
    return None if user is None else place.number_of_user.get(user)
