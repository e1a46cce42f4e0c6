"""What is known of a version before its first row is written: frozen inputs, columns, gates, statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unicodedata import category

from exports.column_types import OF_FIELDS, OF_QUESTIONS, ColumnType
from exports.gates import AgreementFigure, GateResult
from exports.promises import Lowered, Setting
from exports.sides import SideFigure, warnings_of
from exports.splits import Shares
from foundation.errors import Fault

SIGNAL_COLUMNS = ("item", "split_group", "near_duplicate_set", "weight", "n_signals", "selected_by")
RAW = "raw"
TARGET_SUFFIXES = ("", "_confidence", "_n", "_votes", "_source")
UNPRINTABLE = (
    "the name of a question becomes the name of a column: it may hold no line break or other control character"
)


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

    @property
    def warnings(self) -> tuple[str, ...]:
        return warnings_of(self.sides)

    @property
    def folder_name(self) -> str:
        return f"{self.project}-{self.version}"


def target_columns(name: str) -> tuple[str, ...]:
    """The columns one target fills: its consensus under its own name, then how sure it is and who said so."""
    return tuple(f"{name}{suffix}" for suffix in TARGET_SUFFIXES)


def has_control(name: str) -> bool:
    """Whether a name breaks a line, or holds a character that nothing shows."""
    return any(category(character) in ("Cc", "Zl", "Zp", "Cs") for character in name)


def raw_column(control: str) -> str:
    """The column of the answers to a control that is not measured."""
    return f"{control}_raw"


def column_faults(
    fields: Iterable[str], targets: Iterable[str], context: Iterable[str], *, unmeasured: Iterable[str] = ()
) -> list[Fault]:
    """Names that would give a version two columns of one name, each with a pointer into the project file."""
    targets = list(targets)
    placed = [(column, "/labeling/config") for target in targets for column in target_columns(target)]
    placed += [(raw_column(control), "/labeling/config") for control in unmeasured]
    placed += [(name, f"/fields/{name}") for name in fields]
    placed += [(name, "/context") for name in context]
    taken = set(SIGNAL_COLUMNS)
    faults = [Fault("/labeling/config", "wrong_value", UNPRINTABLE) for name in targets if has_control(name)]
    for name, pointer in placed:
        if name in taken:
            detail = f"a version has another column named {name}: give one of the two another name, or leave the question out of `export.targets`"
            faults.append(Fault(pointer, "wrong_value", detail))
        taken.add(name)
    return faults
