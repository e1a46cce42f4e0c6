"""The section `export` of the project file: parsed, with defaults, overrides and every mistake at its place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, TypeVar

from exports.gates import AlphaGate, Bound, ExpectationsGate, GateRule, UnmeasuredGate
from exports.splits import Shares
from foundation.errors import Fault, UsageError

KEYS: Final = ("targets", "labels", "split", "weights", "gates", "formats")
LABEL_KEYS: Final = ("min_annotations", "min_confidence", "unresolved")
ALPHA_KEYS: Final = ("alpha", "bound")
UNMEASURED_GATES: Final = ("audit_error_upper", "population_tvd", "k")
FORMATS: Final = ("parquet",)
FORMATS_TO_COME: Final = ("jsonl", "csv", "tfrecord", "webdataset", "coco")
Choice = TypeVar("Choice", bound=StrEnum)


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
    """How versions of a project are made. `not_in_effect` names what is accepted and not applied by this release."""

    targets: tuple[str, ...]
    labels: LabelRules = field(default_factory=LabelRules)
    split: Shares = field(default_factory=Shares)
    weights: Weights = Weights.NONE
    gates: tuple[GateRule, ...] = ()
    formats: tuple[str, ...] = FORMATS

    @property
    def not_in_effect(self) -> tuple[str, ...]:
        return ("weights: population",) if self.weights is Weights.POPULATION else ()

    def as_document(self) -> dict[str, Any]:
        """The section in effect, for the frozen inputs; parsing it again gives the same section."""
        gates: dict[str, Any] = {}
        for rule in self.gates:
            if isinstance(rule, AlphaGate):
                gates[rule.target] = {"alpha": rule.threshold, "bound": str(rule.bound)}
            elif isinstance(rule, ExpectationsGate):
                gates["expectations"] = "pass"
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


def parse_export(section: Mapping[str, Any], questions: Sequence[str]) -> tuple[ExportSection, list[Fault]]:
    """Reads the section; what is wrong keeps its default and stands among the faults.

    Args:
        section: the section as it stands in the project file; empty for none.
        questions: the names of the project's measured questions: the default targets, and all that a target may be.
    """
    reader = _Reader()
    default = ExportSection(targets=tuple(questions))
    given = reader.mapping(section, "/export", KEYS)
    parsed = ExportSection(
        targets=_targets(reader, given, questions),
        labels=_labels(reader, reader.mapping(given.get("labels", {}), "/export/labels", LABEL_KEYS)),
        split=_split(reader, given.get("split")),
        weights=reader.choice(given, "weights", "/export", default.weights),
        gates=_gates(reader, given.get("gates", {}), questions),
        formats=_formats(reader, given.get("formats", list(FORMATS))),
    )
    return parsed, reader.faults


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
    import yaml

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


class _Reader:
    """Reads values and notes faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, pointer: str, reason: str, detail: str) -> None:
        self.faults.append(Fault(pointer, reason, detail))

    def mapping(self, value: Any, pointer: str, allowed: Sequence[str]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.fault(pointer, "wrong_type", "must be an object")
            return {}
        for key in value:
            if key not in allowed:
                self.fault(f"{pointer}/{escaped(key)}", "unknown_field", f"is not known here: {_listed(allowed)}")
        return {key: value[key] for key in allowed if key in value}

    def choice(self, given: Mapping[str, Any], key: str, pointer: str, default: Choice) -> Choice:
        """The member of the default's enum that `key` names; the default when it is not there or wrong."""
        if key not in given:
            return default
        allowed = list(type(default))
        if given[key] in [str(member) for member in allowed]:
            return type(default)(given[key])
        self.fault(f"{pointer}/{key}", "not_in_list", f"must be one of {_listed(allowed)}")
        return default

    def number(self, value: Any, pointer: str, bounds: tuple[float, float]) -> float | None:
        """A finite number within the bounds, or None and a fault."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(pointer, "wrong_type", "must be a number")
            return None
        low, high = bounds
        if not math.isfinite(value) or not low <= value <= high:
            self.fault(pointer, "out_of_range", f"must be from {low:g} to {high:g}")
            return None
        return value


def escaped(key: object) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def _targets(reader: _Reader, given: Mapping[str, Any], questions: Sequence[str]) -> tuple[str, ...]:
    if "targets" not in given:
        return tuple(questions)
    names = given["targets"]
    if not isinstance(names, list):
        reader.fault("/export/targets", "wrong_type", "must be a list of questions")
        return tuple(questions)
    for place, name in enumerate(names):
        if name not in questions:
            allowed = f"it has {_listed(questions)}" if questions else "it has none"
            reader.fault(
                f"/export/targets/{place}", "not_in_list", f"must be a measured question of the project: {allowed}"
            )
        elif name in names[:place]:
            reader.fault(f"/export/targets/{place}", "not_in_list", "is named twice: name each target once")
    return tuple(dict.fromkeys(name for name in names if name in questions))


def _labels(reader: _Reader, given: Mapping[str, Any]) -> LabelRules:
    default = LabelRules()
    least, sure = default.min_annotations, default.min_confidence
    if "min_annotations" in given:
        if isinstance(given["min_annotations"], float) and not given["min_annotations"].is_integer():
            reader.fault("/export/labels/min_annotations", "wrong_type", "must be a whole number")
        else:
            least = int(reader.number(given["min_annotations"], "/export/labels/min_annotations", (0, 1000)) or 0)
    if "min_confidence" in given:
        sure = reader.number(given["min_confidence"], "/export/labels/min_confidence", (0, 1)) or 0.0
    return LabelRules(least, sure, reader.choice(given, "unresolved", "/export/labels", default.unresolved))


def _split(reader: _Reader, given: Any) -> Shares:
    default = Shares()
    if given is None:
        return default
    before = len(reader.faults)
    shares = reader.mapping(given, "/export/split", tuple(asdict(default)))
    for name in asdict(default):
        if name in shares:
            reader.number(shares[name], f"/export/split/{name}", (0, 1))
    if len(reader.faults) > before:
        return default
    found = Shares(**{name: shares.get(name, 0) for name in asdict(default)})
    if sum(Fraction(str(share)) for share in asdict(found).values()) != 1:
        reader.fault("/export/split", "out_of_range", "train, validation and test must add up to 1; a missing one is 0")
        return default
    return found


def _gates(reader: _Reader, given: Any, questions: Sequence[str]) -> tuple[GateRule, ...]:
    known = (*questions, *UNMEASURED_GATES, "expectations")
    rules: list[GateRule] = []
    for name, rule in reader.mapping(given, "/export/gates", known).items():
        pointer = f"/export/gates/{escaped(name)}"
        if name in questions and isinstance(rule, Mapping):
            rules += _alpha_gate(reader, name, rule, pointer)
        elif name == "expectations":
            if rule == "pass":
                rules.append(ExpectationsGate())
            else:
                reader.fault(pointer, "not_in_list", "must be pass")
        elif name in UNMEASURED_GATES:
            bounds = (1, 10**6) if name == "k" else (0, 1)
            threshold = reader.number(rule, pointer, bounds)
            rules += [UnmeasuredGate(name, threshold)] if threshold is not None else []
        else:
            reader.fault(pointer, "wrong_type", "must be an object with alpha and, if you like, bound")
    return tuple(rules)


def _alpha_gate(reader: _Reader, target: str, given: Mapping[str, Any], pointer: str) -> list[GateRule]:
    rule = reader.mapping(given, pointer, ALPHA_KEYS)
    if "alpha" not in rule:
        reader.fault(f"{pointer}/alpha", "missing_field", "must say which alpha is required")
        return []
    threshold = reader.number(rule["alpha"], f"{pointer}/alpha", (-1, 1))
    bound = reader.choice(rule, "bound", pointer, Bound.POINT)
    return [AlphaGate(target, threshold, bound)] if threshold is not None else []


def _formats(reader: _Reader, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        reader.fault("/export/formats", "wrong_type", "must be a list with at least parquet")
        return FORMATS
    for place, name in enumerate(given):
        if name in FORMATS_TO_COME:
            reader.fault(f"/export/formats/{place}", "not_in_list", "is not written by this release: only parquet is")
        elif name not in FORMATS:
            reader.fault(f"/export/formats/{place}", "not_in_list", "is no format: this release writes parquet")
    return FORMATS


def _listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)
