"""What the export settings promise of a version, and where other settings would promise less.

A promise is a gate, a side that a gate on rows watches, or the answers and the confidence an item needs for its label.
Everything else (targets, shares of the split, kept unresolved items) is a choice that the version itself shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exports.gates import AlphaGate, Bound, ExpectationsGate, MinRowsGate, UnmeasuredGate
from exports.project import ExportSection
from exports.shares import SIDES
from foundation.document.definitions import pointer_to
from foundation.errors import Fault

LOWERED: Final = "promise_lowered"
BOUNDS: Final = (Bound.POINT, Bound.LOWER)
SMALLER_IS_STRICTER: Final = frozenset({"audit_error_upper", "population_tvd"})


@dataclass(frozen=True)
class Setting:
    """A setting with two values; `pointer` is its place in the project file. A value of None: there is none."""

    pointer: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Lowered(Setting):
    """A promise that became weaker: in a revision of the project, or by the override of a draft (then `revision` is None)."""

    revision: int | None = None


def settings_changed(before: ExportSection, after: ExportSection) -> tuple[Setting, ...]:
    """Every setting that differs between two sections, by its pointer."""
    old, new = (dict(_leaves(section.as_document(), "/export")) for section in (before, after))
    return tuple(
        Setting(pointer, old.get(pointer), new.get(pointer))
        for pointer in sorted(old.keys() | new.keys())
        if old.get(pointer) != new.get(pointer)
    )


def promises_lowered(before: ExportSection, after: ExportSection) -> tuple[Setting, ...]:
    """The promises of one section that another does not keep.

    >>> strict, lax = ExportSection((), gates=(AlphaGate("mood", 0.8),)), ExportSection((), gates=(AlphaGate("mood", 0.6),))
    >>> promises_lowered(strict, lax)
    (Setting(pointer='/export/gates/mood/alpha', before=0.8, after=0.6),)
    >>> promises_lowered(lax, strict)
    ()
    """
    return (*_gates_lowered(before, after), *_sides_given_up(before, after), *_labels_lowered(before, after))


def lowered_since(revisions: Iterable[tuple[int, ExportSection]]) -> tuple[Lowered, ...]:
    """The promises that earlier revisions made and the last one does not keep, each with its strictest earlier value.

    Args:
        revisions: numbers and sections, the oldest first.

    Returns:
        One entry a promise; `revision` is the one that lowered it last. What was raised again is not told.
    """
    strictest: dict[str, tuple[ExportSection, int]] = {}
    previous = last = None
    for number, section in revisions:
        previous, last = last or section, section
        for setting in promises_lowered(previous, section):
            name = _promise(setting.pointer)
            held = strictest.get(name)
            strict = previous if held is None or name in _promises(previous, held[0]) else held[0]
            strictest[name] = (strict, number)
    found = [
        Lowered(setting.pointer, setting.before, setting.after, number)
        for name, (strict, number) in strictest.items()
        for setting in promises_lowered(strict, last or strict)
        if _promise(setting.pointer) == name
    ]
    return tuple(sorted(found, key=lambda lowered: lowered.pointer))


def override_faults(lowered: Iterable[Setting]) -> list[Fault]:
    """What is wrong with overrides that lower promises, each at its place."""
    detail = (
        "an override may only raise what the project file promises: change the project file, which makes a revision "
        "that versions tell of, or build a draft"
    )
    return [Fault(setting.pointer, LOWERED, detail) for setting in lowered]


def _gates_lowered(before: ExportSection, after: ExportSection) -> Iterator[Setting]:
    kept = {_gate_name(rule): rule for rule in after.gates}
    for rule in before.gates:
        name = _gate_name(rule)
        pointer, other = pointer_to("/export/gates", name), kept.get(name)
        if isinstance(rule, MinRowsGate):
            continue
        if other is None or type(other) is not type(rule):
            yield Setting(pointer, before.as_document()["gates"][name], None)
        elif isinstance(rule, AlphaGate) and isinstance(other, AlphaGate):
            if other.threshold < rule.threshold:
                yield Setting(f"{pointer}/alpha", rule.threshold, other.threshold)
            if BOUNDS.index(other.bound) < BOUNDS.index(rule.bound):
                yield Setting(f"{pointer}/bound", str(rule.bound), str(other.bound))
        elif isinstance(rule, UnmeasuredGate) and isinstance(other, UnmeasuredGate):
            strict, lax = (other, rule) if name in SMALLER_IS_STRICTER else (rule, other)
            if strict.threshold > lax.threshold:
                yield Setting(pointer, rule.threshold, other.threshold)
    if after.min_rows < before.min_rows:
        yield Setting("/export/gates/min_rows", before.min_rows, after.min_rows)


def _sides_given_up(before: ExportSection, after: ExportSection) -> Iterator[Setting]:
    """Sides that a gate of the file watches. Without such a gate the split decides which sides there are."""
    if not any(isinstance(rule, MinRowsGate) and rule.rows for rule in before.gates):
        return
    for side in SIDES:
        share, other = getattr(before.split, side), getattr(after.split, side)
        if share > 0 and other == 0:
            yield Setting(f"/export/split/{side}", share, other)


def _labels_lowered(before: ExportSection, after: ExportSection) -> Iterator[Setting]:
    # An item without any answer has no label, so that none and one are the same.
    least, other = (max(1, section.labels.min_annotations) for section in (before, after))
    if other < least:
        yield Setting("/export/labels/min_annotations", least, after.labels.min_annotations)
    if after.labels.min_confidence < before.labels.min_confidence:
        sure, less = before.labels.min_confidence, after.labels.min_confidence
        yield Setting("/export/labels/min_confidence", sure, less)


def _gate_name(rule: object) -> str:
    if isinstance(rule, AlphaGate):
        return rule.target
    if isinstance(rule, UnmeasuredGate):
        return rule.name
    return "expectations" if isinstance(rule, ExpectationsGate) else "min_rows"


def _promise(pointer: str) -> str:
    """A gate's threshold, its bound and its absence are about one promise."""
    parts = pointer.split("/")
    return "/".join(parts[:4]) if parts[2] == "gates" else pointer


def _promises(before: ExportSection, after: ExportSection) -> set[str]:
    return {_promise(setting.pointer) for setting in promises_lowered(before, after)}


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield pointer, value
        return
    for key, below in value.items():
        yield from _leaves(below, pointer_to(pointer, key))
