"""What a project file may say under `export`, the same once it is checked, and overrides laid over it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

import yaml

from exports.gates import AlphaGate, Bound, ExpectationsGate, GateRule, MinRowsGate, UnmeasuredGate
from exports.shares import Shares
from foundation.document.containers import Either, ListOf, Object
from foundation.document.definitions import Choice, Definition, Number, Reader, Text, Whole
from foundation.errors import Fault, UsageError

LEAST_ROWS: Final = 1
MIN_ROWS: Final = "min_rows"
FORMATS: Final = ("parquet",)
"""What rows can be written as: `exports/keeping/folder.py` has a writer for each."""


class Unresolved(StrEnum):
    """What becomes of an item without a consensus."""

    DROP = "drop"
    KEEP = "keep"


class Weights(StrEnum):
    NONE = "none"
    POPULATION = "population"


@dataclass(frozen=True)
class LabelRules:
    """When an item's consensus is good enough for a version."""

    min_annotations: int = 1
    min_confidence: float = 0.0
    unresolved: Unresolved = Unresolved.DROP


@dataclass(frozen=True)
class ExportSection:
    """How versions of a project are made. `instead` says what is done instead of settings that are not acted upon yet."""

    targets: tuple[str, ...]
    labels: LabelRules = field(default_factory=LabelRules)
    split: Shares = field(default_factory=Shares)
    weights: Weights = Weights.NONE
    gates: tuple[GateRule, ...] = ()
    formats: tuple[str, ...] = FORMATS
    instead: Mapping[str, str] = field(default_factory=dict)

    @property
    def min_rows(self) -> int:
        """Rows that every side the split asks for must hold: as the gate says, else 1."""
        return next((rule.rows for rule in self.gates if isinstance(rule, MinRowsGate)), LEAST_ROWS)

    @property
    def not_in_effect(self) -> tuple[str, ...]:
        return tuple(self.instead)

    def as_document(self) -> dict[str, Any]:
        """The section in effect, for the frozen inputs; parsing it again gives the same section."""
        gates: dict[str, Any] = {}
        for rule in self.gates:
            if isinstance(rule, AlphaGate):
                gates[rule.target] = {"alpha": rule.threshold, "bound": str(rule.bound)}
            elif isinstance(rule, ExpectationsGate):
                gates["expectations"] = "pass"
            elif isinstance(rule, MinRowsGate):
                gates[MIN_ROWS] = rule.rows
            else:
                gates[rule.name] = rule.threshold
        return {
            "targets": list(self.targets),
            "labels": asdict(self.labels),
            "split": asdict(self.split),
            "weights": str(self.weights),
            "gates": gates,
            "formats": list(self.formats),
        }


_REFUSES: Final = "it cannot be measured yet and refuses every version; a draft can be built"
ALPHA_GATE: Final = Object(
    "How far annotators have to agree on this question.",
    may_be_absent=True,
    keys={
        "alpha": Number("The least Krippendorff's alpha.", required=True, lowest=-1, highest=1),
        "bound": Choice(
            "What has to reach it: alpha itself, or the lower end of its 95 % interval.",
            values=tuple(Bound),
            default=Bound.POINT,
        ),
    },
)
OTHER_GATES: Final[Mapping[str, Definition]] = {
    "audit_error_upper": Number(
        "The largest error that an audit may leave possible (95 %).", lowest=0, highest=1, instead=_REFUSES
    ),
    "population_tvd": Number(
        "The largest distance from the declared population, before weighting.", lowest=0, highest=1, instead=_REFUSES
    ),
    "k": Number(
        "How many people have to share a combination of exported context.", lowest=1, highest=10**6, instead=_REFUSES
    ),
    "expectations": Choice("All expectations have to hold.", values=("pass",)),
    MIN_ROWS: Whole(
        "How many rows each side has to hold that the split asks for.",
        lowest=0,
        highest=10**9,
        default_says=str(LEAST_ROWS),
    ),
}
_SHARE: Final = Number("The share of this side; the three add up to 1.", lowest=0, highest=1, default=0)
TARGETS: Final = ListOf(
    "The questions whose consensus is a column.",
    default=None,
    default_says="all measured questions",
    of=Text(pattern_says="a measured question"),
)
GATES: Final = Object(
    "What a version has to meet before it is published.", called="question", keys=OTHER_GATES, others=ALPHA_GATE
)
EXPORT: Final = Object(
    "How versions are made.",
    keys={
        "targets": TARGETS,
        "labels": Object(
            "When an item's consensus is good enough.",
            into=LabelRules,
            keys={
                "min_annotations": Whole("The fewest answers.", lowest=0, highest=1000, default=1),
                "min_confidence": Number("The least confidence.", lowest=0, highest=1, default=0.0),
                "unresolved": Choice(
                    "What becomes of an item without a consensus: it is left out, or kept without a label.",
                    values=tuple(Unresolved),
                    default=Unresolved.DROP,
                ),
            },
        ),
        "split": Object(
            "The sides of a version.",
            may_be_absent=True,
            default=Shares(),
            default_says="0.8, 0.1, 0.1",
            into=Shares,
            keys=dict.fromkeys(asdict(Shares()), _SHARE),
        ),
        "weights": Choice(
            "Whether rows are weighted to stand for the population.",
            values=tuple(Weights),
            default=Weights.NONE,
            instead_of={Weights.POPULATION: "every row has the weight 1"},
        ),
        "gates": GATES,
        "formats": ListOf(
            "What the rows are written as.",
            at_least=1,
            default=FORMATS,
            default_says="parquet",
            of=Choice(values=FORMATS, to_come=("jsonl", "csv", "tfrecord", "webdataset", "coco")),
        ),
    },
)
DEFINITIONS: Final[Mapping[str, Definition]] = {"export": EXPORT}


def parse_export(section: object, questions: Sequence[str]) -> tuple[ExportSection, list[Fault]]:
    """Reads the section; what is wrong keeps its default and stands among the faults.

    Args:
        section: the value of `export` in the project file; None where it has none.
        questions: the names of the project's measured questions: the default targets, and all that a target may be.
    """
    reader = Reader()
    given = reader.read(_definition_for(questions), section, "/export")
    for place, name in enumerate(given["targets"] or () if reader.is_clean("/export/targets") else ()):
        if name in given["targets"][:place]:
            reader.fault(f"/export/targets/{place}", "not_in_list", "is named twice: name each target once")
    if sum(Fraction(str(share)) for share in asdict(given["split"]).values()) != 1:
        told = "train, validation and test must add up to 1; a missing one is 0"
        reader.fault("/export/split", "out_of_range", told)
        given["split"] = Shares()
    targets = questions if given["targets"] is None else dict.fromkeys(given["targets"])
    parsed = {
        **given,
        "targets": tuple(targets),
        "gates": _gates(given["gates"]),
        "formats": tuple(dict.fromkeys(given["formats"])) or FORMATS,
    }
    return ExportSection(**parsed, instead=reader.instead), reader.faults


def _definition_for(questions: Sequence[str]) -> Object:
    """The section of a project with these questions: targets and gates name them and no others."""
    targets = replace(TARGETS, of=Choice(values=tuple(questions), called="a measured question"))
    gates: dict[str, Definition] = dict.fromkeys(questions, ALPHA_GATE)
    for name, gate in OTHER_GATES.items():
        gates[name] = Either(of=(ALPHA_GATE, gate)) if name in gates else gate
    narrowed = replace(GATES, keys=gates, others=None)
    return replace(EXPORT, keys={**EXPORT.keys, "targets": targets, "gates": narrowed})


def _gates(given: Mapping[str, Any]) -> tuple[GateRule, ...]:
    rules: list[GateRule] = []
    for name, rule in given.items():
        if isinstance(rule, Mapping):
            rules.append(AlphaGate(name, rule["alpha"], rule["bound"]))
        elif rule == "pass":
            rules.append(ExpectationsGate())
        elif name == MIN_ROWS and rule is not None:
            rules.append(MinRowsGate(rule))
        elif rule is not None:
            rules.append(UnmeasuredGate(name, rule))
    return tuple(rules)


def with_overrides(section: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The section with a body's `export` laid over it: objects are merged, anything else replaces, null takes away."""
    merged = dict(section)
    for key, value in overrides.items():
        below = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = with_overrides(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """`key=value` words of a command as overrides: `gates.sentiment.alpha=0.7`; values are YAML.

    >>> parse_settings(["labels.min_annotations=3", "split={train: 1, validation: 0, test: 0}"])
    {'labels': {'min_annotations': 3}, 'split': {'train': 1, 'validation': 0, 'test': 0}}

    Raises:
        UsageError: a word has no `=`, an empty key, or a value that is not YAML, or that JSON cannot say.
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        keys = key.strip().split(".")
        if not equals or not all(keys):
            raise UsageError("--set takes key=value, for example labels.min_annotations=2")
        try:
            value = yaml.safe_load(text)
            json.dumps(value, allow_nan=False)  # a server is asked in JSON, which has no dates and no .nan
        except (yaml.YAMLError, TypeError, ValueError) as error:
            raise UsageError("the value after = in --set cannot be read: quote it as in YAML") from error
        for name in reversed(keys):
            value = {name: value}
        overrides = _overlaid(overrides, value)
    return overrides


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As `with_overrides`, but a null stays: it takes something away later."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _overlaid(merged[key], value) if both else value
    return merged
