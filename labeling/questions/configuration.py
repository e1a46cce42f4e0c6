"""Reads a Label Studio labeling configuration into questions, and judges what a change of it would break."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError  # only the error; the parser is defusedxml's

import defusedxml.ElementTree

from foundation.document.definitions import Reader
from foundation.errors import Fault, listed
from labeling.questions.question import Break, BreakReason, Question, lost_values
from labeling.questions.registry import question_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

POINTER = "/labeling/config"
MAX_CHARS = 200_000

_FIELD = re.compile(r"\$([A-Za-z0-9_-]+)")
# A Filter names a control in its toName, not an object; a Choice or a Label is a part of its control.
_NOT_CONTROLS = frozenset({"Filter", "Shortcut"})
_VISUAL = frozenset({"View", "Header", "Style", "Collapse", "Panel", "Filter", "Shortcut", "Repeater", "Markdown"})
_PARTS = frozenset({"Choice", "Label", "Channel", "Relation", "Bucket"})


@dataclass(frozen=True, slots=True)
class LabeledObject:
    """An object tag: what annotators look at. `field` is the project's field it shows, None for a constant."""

    name: str
    tag: str
    field: str | None


@dataclass(frozen=True, slots=True)
class UnmeasuredControl:
    """A control tag whose answers are stored and exported raw, and reported as not measured.

    `values` are its labels or choices as Label Studio stores them.
    """

    name: str
    tag: str
    to_name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelingConfiguration:
    """What a labeling configuration asks, about which objects. All tuples are in the order of the configuration."""

    questions: tuple[Question, ...] = ()
    objects: tuple[LabeledObject, ...] = ()
    unmeasured: tuple[UnmeasuredControl, ...] = ()

    @cached_property
    def question_named(self) -> dict[str, Question]:
        return {question.name: question for question in self.questions}

    @cached_property
    def unmeasured_named(self) -> dict[str, UnmeasuredControl]:
        return {control.name: control for control in self.unmeasured}

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the project that a task must hold, each once."""
        return tuple(dict.fromkeys(shown.field for shown in self.objects if shown.field is not None))


@dataclass(frozen=True, slots=True)
class _Placed:
    """An element with what its position decides: where it is, and whether a Repeater multiplies it."""

    element: Element
    place: str
    is_repeated: bool

    def attribute(self, name: str) -> str:
        found = self.element.get(name)
        return found if found is not None else self.element.get(name.lower(), "")

    @property
    def field(self) -> str | None:
        found = _FIELD.match(self.attribute("value") or self.attribute("valueList"))
        return found[1] if found else None

    @property
    def targets(self) -> list[str]:
        return [target.strip() for target in self.attribute("toName").split(",")]

    def values(self) -> list[str]:
        """Of the choices or labels inside it, as Label Studio stores them: the alias where there is one, in NFC."""
        parts = (part for part in self.element.iter() if part.tag in {"Choice", "Label"})
        return [unicodedata.normalize("NFC", part.get("alias") or part.get("value") or "") for part in parts]

    def fault(self, reason: str, detail: str) -> Fault:
        return Fault(POINTER, reason, f"{self.place}: {detail}")


def parse_configuration(
    text: str, *, declared_fields: Collection[str] | None = None
) -> tuple[LabelingConfiguration, list[Fault]]:
    """The configuration that an XML text writes out, and what is wrong with it.

    With faults, the configuration holds only what could be read. `declared_fields` are the fields of the project; None
    skips the check that each `$field` is one of them. Names and values from the text are not repeated in a fault.
    """
    root = _parsed(text)
    if isinstance(root, Fault):
        return LabelingConfiguration(), [root]
    placed = list(_placed(root))
    controls = [one for one in placed if _is_control(one)]
    objects = [one for one in placed if _is_object(one)]
    faults = [
        *_faults_of_shape(root, objects),
        *_faults_of_names(controls, objects),
        *_faults_of_fields([one for one in placed if _shows_field(one)], declared_fields),
    ]
    questions: list[Question] = []
    unmeasured: list[UnmeasuredControl] = []
    for control in controls:
        read = _read_control(control)
        if isinstance(read, Question):
            questions.append(read)
        elif isinstance(read, UnmeasuredControl):
            unmeasured.append(read)
        else:
            faults.extend(read)
    shown = tuple(LabeledObject(one.attribute("name"), one.element.tag, one.field) for one in objects)
    return LabelingConfiguration(tuple(questions), shown, tuple(unmeasured)), faults


def compare(old: LabelingConfiguration, new: LabelingConfiguration) -> list[Break]:
    """What a change from `old` to `new` would break, in the order of the old configuration.

    Answers break when their control, their choice or their range goes; tasks break when they lack a field that the new
    configuration shows. A new control, a new choice, another order, a hint or a title breaks nothing.
    """
    breaks: list[Break] = []
    for question in old.questions:
        breaks.extend(_breaks_of_question(question, new))
    for control in old.unmeasured:
        breaks.extend(_breaks_of_unmeasured(control, new))
    breaks.extend(
        Break(BreakReason.FIELD_ADDED, f"tasks made so far do not hold the field '{field}'", value=field)
        for field in new.fields
        if field not in old.fields
    )
    return breaks


def _parsed(text: str) -> Element | Fault:
    if len(text) > MAX_CHARS:
        return Fault(POINTER, "too_large", f"a labeling configuration has at most {MAX_CHARS} characters")
    try:
        root: Element = defusedxml.ElementTree.fromstring(text, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        return Fault(POINTER, "not_xml", f"not XML: the parser stopped at line {line}, column {column}")
    except ValueError:  # defusedxml's refusals, NUL characters and lone surrogates are all ValueErrors
        return Fault(POINTER, "not_xml", "document types, entities and characters that XML forbids are refused")
    return root


def _placed(root: Element) -> Iterator[_Placed]:
    """Every element in document order; a stack of our own, so that no depth of nesting ends in a RecursionError."""
    numbers: Counter[str] = Counter()
    waiting = [(root, False)]
    while waiting:
        element, is_repeated = waiting.pop()
        numbers[element.tag] += 1
        # The name of a tag is the writer's text too: only plain ones are repeated.
        tag = element.tag if element.tag.isascii() and element.tag.isalpha() else "tag"
        yield _Placed(element, f"{tag} number {numbers[element.tag]}", is_repeated)
        is_inside = is_repeated or element.tag == "Repeater"
        waiting.extend((child, is_inside) for child in reversed(element))


def _is_control(one: _Placed) -> bool:
    return bool(one.attribute("toName")) and one.element.tag not in _NOT_CONTROLS | _PARTS


def _is_object(one: _Placed) -> bool:
    if one.element.tag in _VISUAL | _PARTS or one.attribute("toName"):
        return False
    return bool(one.attribute("name") and (one.attribute("value") or one.attribute("valueList")))


def _shows_field(one: _Placed) -> bool:
    return one.element.tag not in _PARTS and one.field is not None


def _faults_of_shape(root: Element, objects: list[_Placed]) -> Iterator[Fault]:
    if root.tag != "View":
        yield Fault(POINTER, "wrong_type", "the outermost tag of a labeling configuration is View")
    if not any(one.field for one in objects):
        yield Fault(
            POINTER,
            "missing_field",
            'an object tag that shows a field is needed, such as <Text name="t" value="$text"/>',
        )


def _faults_of_names(controls: list[_Placed], objects: list[_Placed]) -> Iterator[Fault]:
    object_names = {one.attribute("name") for one in objects}
    seen: set[str] = set()
    for one in [*objects, *controls]:
        name = one.attribute("name")
        if name in seen:
            yield one.fault("duplicate", "the name is taken by another tag; names are unique")
        seen.add(name)
    for one in controls:
        if not one.attribute("name"):
            yield one.fault("missing_field", "a control tag needs a name")
        if not set(one.targets) <= object_names:
            yield one.fault("unknown_field", "toName is not the name of an object tag")


def _faults_of_fields(shown: list[_Placed], declared: Collection[str] | None) -> Iterator[Fault]:
    if declared is None:
        return
    fields, reader = [f"${field}" for field in declared], Reader()
    for one in shown:
        if one.field not in declared:
            near = reader.near(f"${one.field}", fields)
            told = f"{one.place}: shows a field that the project does not declare; {near}allowed: "
            reader.fault(POINTER, "unknown_field", told + (listed(fields) or "none is declared"))
    yield from reader.faults


def _read_control(one: _Placed) -> Question | UnmeasuredControl | list[Fault]:
    """A question where the tag asks one thing about the whole item, else a control that is not measured."""
    is_about_part = any(one.attribute(name) == "true" for name in ("perRegion", "perItem"))
    if not (one.is_repeated or is_about_part or len(one.targets) != 1):
        read = question_of(one.element.tag, one)
        if read is not None:
            return read
    values = tuple(value for value in one.values() if value)
    return UnmeasuredControl(one.attribute("name"), one.element.tag, one.attribute("toName"), values)


def _breaks_of_question(old: Question, new: LabelingConfiguration) -> Iterator[Break]:
    now = new.question_named.get(old.name)
    if now is None:
        is_kept = old.name in new.unmeasured_named
        reason = BreakReason.KIND_CHANGED if is_kept else BreakReason.CONTROL_REMOVED
        fate = "would no longer be measured" if is_kept else "is gone or renamed"
        yield Break(reason, f"the question '{old.name}' {fate}", question=old.name)
        return
    if now.kind != old.kind:
        yield Break(
            BreakReason.KIND_CHANGED,
            f"the question '{old.name}' would turn from {old.kind} to {now.kind}",
            question=old.name,
        )
        return
    if now.to_name != old.to_name:
        yield _object_changed(old.name)
    yield from now.narrows(old)


def _breaks_of_unmeasured(old: UnmeasuredControl, new: LabelingConfiguration) -> Iterator[Break]:
    now = new.unmeasured_named.get(old.name)
    if now is None and old.name not in new.question_named:
        yield Break(BreakReason.CONTROL_REMOVED, f"the control '{old.name}' is gone or renamed", question=old.name)
    elif now is None or now.tag != old.tag:
        yield Break(BreakReason.KIND_CHANGED, f"the control '{old.name}' would have another kind", question=old.name)
    else:
        if now.to_name != old.to_name:
            yield _object_changed(old.name)
        yield from lost_values(old.name, old.values, now.values)


def _object_changed(name: str) -> Break:
    return Break(BreakReason.OBJECT_CHANGED, f"the question '{name}' would be about another object", question=name)
