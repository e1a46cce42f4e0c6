"""What an app's own model said of a signal: read, scrubbed, and never a reason to cut something in silence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from collector.anonymization.scrub import scrub_text
from collector.intake.payload import safe_key
from collector.intake.results import PREDICTION, Drops
from foundation.errors import Fault, Faults

MOST_VALUES = 50
MAX_CHARS = 200
MAX_PREDICTED = 1e9
LIMITS = {"confidence": 1.0, "latency_ms": 3.6e6}
KNOWN = frozenset({"model", "values", *LIMITS})


def read_prediction(value: Any, faults: Faults, dropped: Drops) -> dict[str, Any] | None:
    """`{model, values, confidence?, latency_ms?}`, its texts scrubbed like any; None where there is none.

    What is of the wrong type is a fault. What is too long, or one value too many, is left out and said: a signal is not
    worth less because its app's model says much.
    """
    if value is None:
        return None
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("model"), str)
        or not isinstance(value.get("values"), dict)
    ):
        told = "must be an object with model (a text) and values (an object)"
        faults.append(Fault("/prediction", "wrong_type", told))
        return None
    for name in value:
        if name not in KNOWN:
            dropped.note(PREDICTION, "undeclared", partial(_pointer_of_member, name))
    values = _values(value["values"], faults, dropped)
    numbers = _numbers(value, faults)
    why_not = _why_unfit(value["model"])
    if why_not:
        dropped.note(PREDICTION, why_not, lambda: "/prediction/model")
        return None
    return {"model": scrub_text(value["model"]).text, "values": values, **numbers}


def _values(sent: Mapping[str, Any], faults: Faults, dropped: Drops) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, answer in sent.items():
        if not isinstance(answer, str | int | float) or (not isinstance(answer, str) and abs(answer) > MAX_PREDICTED):
            faults.note(partial(_wrong_value, name))
            continue
        why_not = _why_unfit(name) or (_why_unfit(answer) if isinstance(answer, str) else None)
        if why_not is None and len(kept) == MOST_VALUES:
            why_not = "too_many"
        plain = "" if why_not else scrub_text(name).text
        if why_not is None and plain in kept:  # two names that hold two people's numbers are one after the scrub
            why_not = "duplicate"
        if why_not:
            dropped.note(PREDICTION, why_not, partial(_pointer, name))
        else:
            kept[plain] = scrub_text(answer).text if isinstance(answer, str) else answer
    return kept


def _numbers(sent: Mapping[str, Any], faults: Faults) -> dict[str, float]:
    kept = {}
    for name, limit in LIMITS.items():
        number = sent.get(name)
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= limit:
            faults.append(Fault(f"/prediction/{name}", "out_of_range", f"must be a number from 0 to {limit:g}"))
        else:
            kept[name] = number
    return kept


def _why_unfit(text: str) -> str | None:
    if len(text) > MAX_CHARS:
        return "too_long"
    return "nul_character" if "\0" in text else None


def _wrong_value(name: str) -> Fault:
    return Fault(_pointer(name), "wrong_type", "must be a text or a number")


def _pointer_of_member(name: str) -> str:
    return f"/prediction/{safe_key(name)}"


def _pointer(name: str) -> str:
    return f"/prediction/values/{safe_key(name)}"
