"""What is known of a version before its first row is written: frozen inputs, columns, gates, statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exports.gates import AgreementFigure, GateResult
from exports.inputs.column_types import OF_FIELDS, OF_QUESTIONS, ColumnType
from exports.project import FORMATS
from exports.promises import Lowered, Setting
from exports.shares import Shares
from exports.sides import SideFigure, warnings_of

FORMAT: Final = 3
"""Number of the layout of a version's files, which `manifest.json` states; it counts as an input."""


@dataclass(frozen=True)
class FrozenInputs:
    """Whatever decides the bytes of a version. Times in here are cuts in the past, never the time of the build.

    `settings` is the export section in effect, overrides included; `lock_sha256` is the hash of the lock file.
    """

    revision: int
    annotations_upto_seq: int
    consent_cut: str
    seed: str
    lock_sha256: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FieldSpec:
    """A column that comes from the payload or from the context."""

    name: str
    kind: str
    unit: str | None = None
    values: tuple[str, ...] = ()

    @property
    def column(self) -> ColumnType:
        return OF_FIELDS[self.kind]


@dataclass(frozen=True)
class TargetSpec:
    """A question whose consensus is a column."""

    name: str
    kind: str
    level: str
    choices: tuple[str, ...] = ()

    @property
    def column(self) -> ColumnType:
        return OF_QUESTIONS[self.kind]


@dataclass(frozen=True)
class ConsentStatement:
    """On what ground the rows may be used. `notices`: what people were told, by version; a text, or texts by language."""

    required: bool
    purposes: tuple[str, ...] = ()
    notices: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class GuidelinesStatement:
    """What annotators were told. `answers`: how many of the answers to the targets were given under each version."""

    version: str | None = None
    text: str = ""
    answers: Mapping[str, int] = field(default_factory=dict)
    n_unknown: int = 0
    """Answers given under none, among them those handed in from elsewhere."""


@dataclass(frozen=True)
class VersionPlan:
    """A version before its rows: same plan, same split, same rows give the same bytes.

    Args:
        unmeasured: controls whose answers are not measured and stand in the version as they were given.
        not_used: candidates that never reached the split, by reason, with their number (unresolved, too few answers).
        sides: rows and groups of each side, as the split has them.
        overrides: settings that are others than the project file's.
        lowered: promises that earlier revisions or the project file make, and this version does not keep.
        near_duplicates: whether sets of nearly equal contents were looked for.
        formats: what the rows are written as, in the words of `export.formats`.
        not_in_effect: settings of the project file that this release accepts and does not apply, as pointers; `instead`
            says of each what is done instead.
        quality: the report that becomes `quality.json`.
    """

    project: str
    title: str
    purpose: str
    version: str
    inputs: FrozenInputs
    shares: Shares
    fields: tuple[FieldSpec, ...]
    targets: tuple[TargetSpec, ...]
    context: tuple[FieldSpec, ...] = ()
    unmeasured: tuple[str, ...] = ()
    parent: str | None = None
    draft: bool = False
    gates: tuple[GateResult, ...] = ()
    agreement: tuple[AgreementFigure, ...] = ()
    consent: ConsentStatement = field(default_factory=lambda: ConsentStatement(required=True))
    quality: Mapping[str, Any] = field(default_factory=dict)
    guidelines: GuidelinesStatement = field(default_factory=GuidelinesStatement)
    not_used: Mapping[str, int] = field(default_factory=dict)
    not_in_effect: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    sides: tuple[SideFigure, ...] = ()
    overrides: tuple[Setting, ...] = ()
    lowered: tuple[Lowered, ...] = ()
    near_duplicates: bool = False
    formats: tuple[str, ...] = FORMATS

    @property
    def warnings(self) -> tuple[str, ...]:
        return warnings_of(self.sides)

    @property
    def folder_name(self) -> str:
        return f"{self.project}-{self.version}"
