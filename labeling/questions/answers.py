"""Turns a Label Studio result into our answers. A result comes from outside: Label Studio checks nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from foundation.errors import Fault
from foundation.json_places import is_deeper_than
from labeling.questions.configuration import LabelingConfiguration
from labeling.questions.question import Question
from labeling.questions.values import Held, Value

MAX_RESULT_BYTES = 1_000_000
MAX_REGIONS = 5_000
MAX_DEPTH = 64
"""Lists and objects within one another: no control of Label Studio's comes near, and storage takes 254."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one annotation says to one question."""

    question: str
    value: Value


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What one annotation says to a control that is not measured: its regions, as Label Studio gave them."""

    control: str
    regions: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ReadAnswers:
    """What a result holds: at most one answer a question, what was wrong, and what is said to unmeasured controls.

    A question with a fault has no answer, whatever else the result says about it.
    """

    answers: tuple[Answer, ...] = ()
    faults: tuple[Fault, ...] = ()
    raw: tuple[RawAnswer, ...] = ()

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The controls that are answered and not measured."""
        return tuple(one.control for one in self.raw)

    def held(self) -> tuple[tuple[str, Held], ...]:
        """Everything that is said, by control: values, and regions as they are."""
        return (
            *((one.question, one.value) for one in self.answers),
            *((one.control, list(one.regions)) for one in self.raw),
        )


def read_answers(result: object, configuration: LabelingConfiguration) -> ReadAnswers:
    """The answers in the `result` of an annotation, as Label Studio's API gives it; pointers are relative to it.

    Never raises: junk becomes faults. What Label Studio lets pass is refused here: unknown controls and choices, two
    choices for a single one, two regions for one question, another object, values out of range, huge results.
    """
    too_large = _fault_of_size(result)
    if too_large is not None or not isinstance(result, list):
        return ReadAnswers(faults=(too_large or Fault("", "wrong_type", "a result is a list of regions"),))
    answers: dict[str, Answer] = {}
    faults: list[Fault] = []
    spoiled: set[str] = set()
    raw: dict[str, list[dict[str, Any]]] = {}
    regions_of: Counter[str] = Counter()
    for number, region in enumerate(result):
        name = _control_of(region, f"/{number}")
        if isinstance(name, Fault):
            faults.append(name)
        elif name in configuration.unmeasured_named:
            raw.setdefault(name, []).append(region)
        elif name in configuration.question_named:
            regions_of[name] += 1
            read = _read_region(region, configuration.question_named[name], f"/{number}", regions_of[name])
            if isinstance(read, Fault):
                faults.append(read)
                spoiled.add(name)
            else:
                answers[name] = read
        elif name is not None:
            faults.append(Fault(f"/{number}/from_name", "unknown_field", "not a control of the configuration"))
    kept = tuple(answer for name, answer in answers.items() if name not in spoiled)
    return ReadAnswers(kept, tuple(faults), tuple(RawAnswer(name, tuple(regions)) for name, regions in raw.items()))


def _fault_of_size(result: object) -> Fault | None:
    if isinstance(result, list) and len(result) > MAX_REGIONS:
        return Fault("", "too_large", f"a result has at most {MAX_REGIONS} regions")
    if is_deeper_than(result, MAX_DEPTH):
        return Fault("", "too_deep", f"a result nests at most {MAX_DEPTH} levels")
    try:
        size_bytes = len(msgspec.json.encode(result))
    except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError):
        return Fault("", "wrong_type", "a result is plain JSON, without lone surrogates and not too deep")
    if size_bytes > MAX_RESULT_BYTES:
        return Fault("", "too_large", f"a result has at most {MAX_RESULT_BYTES} bytes of JSON")
    return None


def _control_of(region: object, pointer: str) -> str | Fault | None:
    """The name of the control a region answers; None for a relation between regions, which answers none."""
    if not isinstance(region, dict):
        return Fault(pointer, "wrong_type", "a region is an object")
    if region.get("type") == "relation":
        return None
    name = region.get("from_name")
    if not isinstance(name, str):
        return Fault(f"{pointer}/from_name", "wrong_type", "from_name is the name of a control")
    return name


def _read_region(region: dict[str, Any], question: Question, pointer: str, occurrence: int) -> Answer | Fault:
    expected = question.region
    if occurrence > 1:
        return Fault(f"{pointer}/from_name", "duplicate", "the result answers the question more than once")
    if region.get("type") != expected:
        return Fault(f"{pointer}/type", "wrong_type", f"the type of this region is {expected}")
    if region.get("to_name") != question.to_name:
        return Fault(f"{pointer}/to_name", "not_in_list", "to_name is not the object the question is about")
    value = region.get("value")
    if not isinstance(value, dict) or expected not in value:
        return Fault(f"{pointer}/value", "missing_field", f"value is an object with the member {expected}")
    read = question.read_region(value[expected], f"{pointer}/value/{expected}")
    return read if isinstance(read, Fault) else Answer(question.name, read)
