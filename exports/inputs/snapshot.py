"""Frozen inputs: one consistent view of the database, and everything in it that decides the bytes of a version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import func
from sqlmodel import Session, col, select

from collector.fields.kind import Field, Pii
from collector.fields.text import TextField
from collector.models import Consent, Erasure, Revision
from collector.project import Section, instead_in, load_file
from collector.project_file import ProjectFile
from collector.queries import count_signals, current_file, read_project
from exports.column_names import RAW, raw_column
from exports.inputs.labels import TargetJudge, judge_of
from exports.inputs.plan import FORMAT, ConsentStatement, FieldSpec, FrozenInputs, GuidelinesStatement, TargetSpec
from exports.inputs.splits import Split
from exports.inputs.statements import value_counts
from exports.project import ExportSection, parse_export, with_overrides
from exports.promises import Lowered, Setting, lowered_since, override_faults, promises_lowered, settings_changed
from exports.section import SECTION as EXPORTS
from exports.section import names_twice
from foundation.errors import InvalidBody
from labeling.project import LabelingSection
from labeling.queries import count_by_guidelines, newest_seq
from labeling.section import SECTION as LABELING

LOCK_FILE: Final = Path(__file__).resolve().parents[2] / "requirements.txt"
CONTEXT_KINDS: Final = {
    "rtt_ms": "number",
    "downlink_kbps": "number",
    "battery": "number",
    "charging": "boolean",
    "location": "text",
}


@dataclass(frozen=True)
class Frozen:
    """What a build rests on.

    Args:
        signals: how many the project holds, all told.
        overrides: the settings that are others than the project file's.
        lowered: what earlier revisions promised, or the project file does, and this version does not keep.
    """

    project_id: int
    file: ProjectFile
    labeling: LabelingSection
    section: ExportSection
    inputs: FrozenInputs
    fields: tuple[FieldSpec, ...]
    targets: tuple[TargetSpec, ...]
    context: tuple[FieldSpec, ...]
    unmeasured: tuple[str, ...]
    instead: Mapping[str, str]
    signals: int
    overrides: tuple[Setting, ...]
    lowered: tuple[Lowered, ...]

    @property
    def consent(self) -> ConsentStatement:
        privacy = self.file.privacy
        told = {version: privacy.notices[version] for version in privacy.accept_notices if version in privacy.notices}
        return ConsentStatement(privacy.consent_required, privacy.purposes, told)

    @property
    def columns(self) -> dict[str, Any]:
        """What a script may rely on, by column: another value is a change that breaks it."""
        specs = {spec.name: asdict(spec) for spec in (*self.fields, *self.context)}
        specs |= {raw_column(control): {"name": control, "kind": RAW} for control in self.unmeasured}
        plain: dict[str, Any] = orjson.loads(orjson.dumps(specs | {spec.name: asdict(spec) for spec in self.targets}))
        return plain

    @property
    def rules(self) -> dict[str, Any]:
        """The settings that choose the rows."""
        document = self.section.as_document()
        return {name: document[name] for name in ("targets", "labels")}


def freeze(
    session: Session, project_id: int, overrides: Mapping[str, Any], *, draft: bool, sections: Sequence[Section]
) -> Frozen:
    """Reads what a build of the project rests on now.

    Args:
        sections: all that read a part of the project file, as the roof composes them: each may name settings of its own
            that are not acted upon.

    Raises:
        InvalidBody: the overrides do not fit the project file, which may be newer than they are.
    """
    project = read_project(session, project_id)
    revision, file = current_file(session, project_id)
    labeling, declared = file.section(LABELING), file.section(EXPORTS)
    section = section_asked(file, overrides, draft=draft)
    inputs = FrozenInputs(
        revision=revision,
        annotations_upto_seq=newest_seq(session, project_id),
        consent_cut=_consent_cut(session, project_id, project.created_at),
        seed=str(project.seed),
        lock_sha256=lock_sha256(),
        settings=section.as_document(),
    )
    return Frozen(
        project_id=project_id,
        file=file,
        labeling=labeling,
        section=section,
        inputs=inputs,
        fields=tuple(_field(one) for one in file.fields if one.pii is not Pii.DROP),
        targets=_targets(labeling, section.targets),
        context=tuple(FieldSpec(name, CONTEXT_KINDS.get(name, "category")) for name in file.context_names),
        unmeasured=tuple(control.name for control in labeling.configuration.unmeasured),
        instead=instead_in({**file.body, "export": section.as_document()}, sections),
        signals=count_signals(session, project_id),
        overrides=settings_changed(declared, section),
        lowered=(
            *lowered_since(_sections_until(session, project_id, revision)),
            *(Lowered(one.pointer, one.before, one.after) for one in promises_lowered(declared, section)),
        ),
    )


def section_asked(file: ProjectFile, overrides: Mapping[str, Any], *, draft: bool) -> ExportSection:
    """The section that a build was asked for with; only a draft may promise less than the project file.

    Raises:
        InvalidBody: as `section_in_effect`, or the overrides lower a promise.
    """
    section = section_in_effect(file, overrides)
    lowered = () if draft else promises_lowered(file.section(EXPORTS), section)
    if lowered:
        raise InvalidBody("the overrides promise less than the project file", faults=override_faults(lowered))
    return section


def section_in_effect(file: ProjectFile, overrides: Mapping[str, Any]) -> ExportSection:
    """The project file's `export` with overrides laid over it.

    Raises:
        InvalidBody: the overrides have mistakes, or ask for two columns of one name; each fault points into the settings.
    """
    asked = with_overrides(file.body.get("export") or {}, overrides)
    section, faults = parse_export(asked, list(file.section(LABELING).questions))
    faults += names_twice(file, section)
    if faults:
        raise InvalidBody("the export settings have mistakes", faults=faults)
    return section


def make_judges(session: Session, frozen: Frozen) -> tuple[TargetJudge, ...]:
    """The judge of each target, read against all answers to its question."""
    return tuple(_judge(session, frozen, target) for target in frozen.targets)


def read_guidelines(session: Session, frozen: Frozen) -> GuidelinesStatement:
    """The guidelines of the revision, and how many of the answers to the targets were given under which version."""
    counts = count_by_guidelines(
        session,
        frozen.project_id,
        [target.name for target in frozen.targets],
        upto_seq=frozen.inputs.annotations_upto_seq,
    )
    n_unknown = counts.pop(None, 0)
    answers = {version: n for version, n in sorted(counts.items(), key=lambda pair: str(pair[0])) if version}
    given = frozen.labeling.guidelines
    return GuidelinesStatement(given.version if given else None, given.text if given else "", answers, n_unknown)


def inputs_hash(frozen: Frozen, *, state_sha256: str, split: Split, draft: bool) -> str:
    """SHA-256 over everything that decides the bytes of a version, apart from its number and its parent."""
    document = {
        "format": FORMAT,
        "inputs": asdict(frozen.inputs),
        "signals": frozen.signals,
        "state": state_sha256,
        "sides": hashlib.sha256(split.codes.tobytes()).hexdigest(),
        "draft": draft,
    }
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def count_erasures(session: Session, project_id: int) -> int:
    """How many erasures were ever asked for: another number means that somebody left.

    Not of names under which nothing was ever held: with some of them a minute no build would ever come to its end.
    """
    was_held = col(Erasure.held).is_not(False)
    return _count(session, select(func.count()).where(col(Erasure.project_id) == project_id, was_held))


@lru_cache(maxsize=1)
def lock_sha256() -> str:
    """SHA-256 of the lock file, which says what computed the figures."""
    return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()


def _sections_until(session: Session, project_id: int, revision: int) -> Iterator[tuple[int, ExportSection]]:
    """The sections of all revisions up to one, the oldest first; one that is equal to the one before is left out."""
    written = (
        select(Revision)
        .where(col(Revision.project_id) == project_id, col(Revision.number) <= revision)
        .order_by(col(Revision.number))
    )
    before = None
    for one in session.exec(written):
        if one.body.get("export") != before or before is None:
            before = one.body.get("export")
            yield one.number, load_file(one.body).section(EXPORTS)


def _judge(session: Session, frozen: Frozen, target: TargetSpec) -> TargetJudge:
    question = frozen.labeling.configuration.question_named[target.name]
    statement = value_counts(frozen.project_id, target.name, frozen.inputs.annotations_upto_seq)
    counts = {row[0]: int(row[1]) for row in session.connection().execute(statement)}
    return judge_of(target, question, frozen.labeling.questions[target.name], frozen.section.labels, counts)


def _targets(labeling: LabelingSection, names: Sequence[str]) -> tuple[TargetSpec, ...]:
    questions = labeling.configuration.question_named
    return tuple(
        TargetSpec(name, questions[name].kind, labeling.questions[name].level.value, questions[name].choices)
        for name in names
    )


def _field(declared: Field) -> FieldSpec:
    """A field's column; what was pseudonymized is a text, whatever it was."""
    if declared.pii is Pii.PSEUDONYMIZE:
        return FieldSpec(declared.name, TextField.kind)
    return FieldSpec(declared.name, declared.kind, declared.unit, declared.values)


def _consent_cut(session: Session, project_id: int, created_at: datetime) -> str:
    """When what the rows rest on was last changed by a person; a time in the past, never that of the build."""
    given = select(func.max(Consent.received_at)).where(col(Consent.project_id) == project_id)
    left = select(func.max(Erasure.requested_at)).where(col(Erasure.project_id) == project_id)
    times = [session.exec(given).one(), session.exec(left).one(), created_at]
    newest = max(time for time in times if time is not None)
    return newest.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _count(session: Session, statement: Any) -> int:
    return int(session.exec(statement).one())


def as_plain(inputs: FrozenInputs) -> dict[str, Any]:
    """The frozen inputs as the version's row keeps them."""
    return asdict(replace(inputs, settings=dict(inputs.settings)))
