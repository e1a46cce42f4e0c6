"""Reads the sections `labeling` and `questions` of a project file. A mistake points at its key and says what is allowed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from foundation.errors import Fault
from labeling.questions.configuration import LabelingConfiguration, parse_configuration
from labeling.questions.kinds import (
    ACCURACY_MODELS,
    DEFAULT_LEVEL,
    Level,
    Method,
    Question,
    levels_of,
    methods_of,
)

MAX_OVERLAP = 20
MAX_BACKLOG = 100_000
MAX_GUIDELINES_CHARS = 200_000
MAX_VERSION_CHARS = 64

_Member = TypeVar("_Member", bound=StrEnum)
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Guidelines:
    """What annotators are told, under a version that answers can be traced to."""

    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Choose:
    """How the next items are chosen: shares that sum to 1, and how many open tasks to keep in Label Studio."""

    random: float = 1.0
    quota: float = 0.0
    uncertain: float = 0.0
    backlog: int = 500


class Push(StrEnum):
    """When items go to Label Studio: by themselves, or only when a sync is asked for."""

    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Honeypots:
    """Known answers among the tasks: their share of all tasks, and how often one person may meet the same."""

    share: float
    max_exposures: int = 1


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Known answers at the start: how many, and the share to get right."""

    tasks: int
    pass_share: float


@dataclass(frozen=True, slots=True)
class QuestionSettings:
    """How one question is measured and how its answers become one."""

    level: Level
    consensus: Method = Method.AUTO


@dataclass(frozen=True)
class LabelingSection:
    """What a project file says about labeling. `config` is the text as it was written; empty: nothing to label yet."""

    config: str = ""
    configuration: LabelingConfiguration = field(default_factory=LabelingConfiguration)
    guidelines: Guidelines | None = None
    overlap: int = 1
    max_overlap: int = 1
    choose: Choose = field(default_factory=Choose)
    push: Push = Push.AUTO
    honeypots: Honeypots | None = None
    onboarding: Onboarding | None = None
    questions: Mapping[str, QuestionSettings] = field(default_factory=dict)


def parse_labeling(
    section: object, questions: object = None, declared_fields: Mapping[str, object] | None = None
) -> tuple[LabelingSection, list[Fault]]:
    """The two sections of a project file, read with defaults, and every mistake in them.

    Args:
        section: the value of `labeling`; None where the file has none.
        questions: the value of `questions`; None where the file has none.
        declared_fields: the fields of the project by name; None skips the check of `$field`.

    Returns:
        The section and its faults. With faults, what could not be read holds its default.
    """
    reader = _Reader()
    given = reader.mapping(section, "/labeling", _LABELING_KEYS)
    config, configuration = _read_config(reader, given, declared_fields)
    overlap = reader.whole(given, "/labeling", "overlap", default=1, lowest=1, highest=MAX_OVERLAP)
    read = LabelingSection(
        config=config,
        configuration=configuration,
        guidelines=_read_guidelines(reader, given),
        overlap=overlap,
        max_overlap=reader.whole(
            given, "/labeling", "max_overlap", default=overlap, lowest=overlap, highest=MAX_OVERLAP
        ),
        choose=_read_choose(reader, given),
        push=_read_push(reader, given),
        honeypots=_read_honeypots(reader, given),
        onboarding=_read_onboarding(reader, given),
        questions=_read_questions(reader, questions, configuration),
    )
    return read, reader.faults


def not_in_effect(section: LabelingSection) -> list[str]:
    """Pointers to the settings that are kept but that this release does not act upon."""
    settings = {
        "/labeling/max_overlap": section.max_overlap > section.overlap,
        "/labeling/choose/quota": section.choose.quota > 0,
        "/labeling/choose/uncertain": section.choose.uncertain > 0,
        "/labeling/honeypots": section.honeypots is not None,
        "/labeling/onboarding": section.onboarding is not None,
    }
    for name, question in section.questions.items():
        settings[f"/questions/{_escaped(name)}/consensus"] = question.consensus in ACCURACY_MODELS
    return [pointer for pointer, is_idle in settings.items() if is_idle]


_LABELING_KEYS = ("config", "guidelines", "overlap", "max_overlap", "choose", "push", "honeypots", "onboarding")
_CHOOSE_KEYS = ("random", "quota", "uncertain", "backlog")


class _Reader:
    """Reads typed members out of untrusted mappings and collects what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def refuse(self, pointer: str, reason: str, detail: str) -> None:
        self.faults.append(Fault(pointer, reason, detail))

    def mapping(self, raw: object, pointer: str, allowed: Sequence[str]) -> Mapping[str, Any]:
        """The known members of an object; an unknown member is a fault and is left out."""
        known = self.members(raw, pointer)
        for key in known:
            if key not in allowed:
                at = f"{pointer}/{_escaped(key)}"
                self.refuse(at, "unknown_field", f"not a setting here; allowed: {', '.join(allowed)}")
        return {key: member for key, member in known.items() if key in allowed}

    def optional(self, raw: object, pointer: str, allowed: Sequence[str]) -> Mapping[str, Any] | None:
        """As `mapping`; None where there is no object, so that a wrong type is not also a missing member."""
        known = self.mapping(raw, pointer, allowed)
        return known if isinstance(raw, Mapping) else None

    def members(self, raw: object, pointer: str) -> Mapping[str, Any]:
        if raw is None:
            return {}
        if isinstance(raw, Mapping) and all(isinstance(key, str) for key in raw):
            return raw
        self.refuse(pointer, "wrong_type", "an object whose keys are texts")
        return {}

    def whole(
        self, given: Mapping[str, Any], pointer: str, key: str, *, default: int, lowest: int, highest: int
    ) -> int:
        raw = given.get(key, default)
        at = f"{pointer}/{key}"
        if isinstance(raw, bool) or not isinstance(raw, int):
            self.refuse(at, "wrong_type", f"a whole number from {lowest} to {highest}")
        elif not lowest <= raw <= highest:
            self.refuse(at, "out_of_range", f"a whole number from {lowest} to {highest}")
        else:
            return raw
        return default

    def share(self, given: Mapping[str, Any], pointer: str, key: str, *, default: float) -> float:
        raw = given.get(key, default)
        at = f"{pointer}/{key}"
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            self.refuse(at, "wrong_type", "a number from 0 to 1")
        elif not 0 <= raw <= 1:  # not a number compares false, too
            self.refuse(at, "out_of_range", "a number from 0 to 1")
        else:
            return float(raw)
        return default

    def text(self, given: Mapping[str, Any], pointer: str, key: str, *, max_chars: int) -> str:
        raw = given.get(key)
        at = f"{pointer}/{key}"
        if raw is None:
            self.refuse(at, "missing_field", f"a text of 1 to {max_chars} characters is needed")
        elif not isinstance(raw, str):
            self.refuse(at, "wrong_type", f"a text of 1 to {max_chars} characters (in YAML: in quotes)")
        elif not raw.strip():
            self.refuse(at, "missing_field", "an empty text says nothing")
        elif len(raw) > max_chars:
            self.refuse(at, "too_long", f"a text of 1 to {max_chars} characters")
        elif "\x00" in raw:
            self.refuse(at, "nul_character", "a text without NUL characters")
        else:
            return raw
        return ""

    def required(self, given: Mapping[str, Any], pointer: str, keys: Sequence[str]) -> bool:
        missing = [key for key in keys if key not in given]
        for key in missing:
            self.refuse(f"{pointer}/{key}", "missing_field", f"needed beside {', '.join(given) or 'its section'}")
        return not missing

    def member(self, raw: object, pointer: str, kind: type[_Member], allowed: Sequence[_Member]) -> _Member | None:
        if isinstance(raw, str) and raw in {one.value for one in allowed}:
            return kind(raw)
        self.refuse(pointer, "not_in_list", f"allowed: {', '.join(allowed)}")
        return None


def _read_config(
    reader: _Reader, given: Mapping[str, Any], declared: Collection[str] | None
) -> tuple[str, LabelingConfiguration]:
    if not given:
        return "", LabelingConfiguration()
    raw = given.get("config")
    if not isinstance(raw, str):
        reason = "missing_field" if raw is None else "wrong_type"
        reader.refuse("/labeling/config", reason, "a Label Studio labeling configuration, as XML text, is needed")
        return "", LabelingConfiguration()
    configuration, faults = parse_configuration(raw, declared_fields=declared)
    reader.faults.extend(faults)
    return raw, configuration


def _read_guidelines(reader: _Reader, given: Mapping[str, Any]) -> Guidelines | None:
    at = "/labeling/guidelines"
    members = reader.optional(given.get("guidelines"), at, ("version", "text"))
    if members is None:
        return None
    version = reader.text(members, at, "version", max_chars=MAX_VERSION_CHARS)
    text = reader.text(members, at, "text", max_chars=MAX_GUIDELINES_CHARS)
    return Guidelines(version, text) if version and text else None


def _read_choose(reader: _Reader, given: Mapping[str, Any]) -> Choose:
    """Shares of the ways to choose; `random` takes what the others leave where it is not given."""
    at = "/labeling/choose"
    members = reader.mapping(given.get("choose"), at, _CHOOSE_KEYS)
    faults_before = len(reader.faults)
    quota = reader.share(members, at, "quota", default=0.0)
    uncertain = reader.share(members, at, "uncertain", default=0.0)
    random = reader.share(members, at, "random", default=max(0.0, 1.0 - quota - uncertain))
    backlog = reader.whole(members, at, "backlog", default=500, lowest=1, highest=MAX_BACKLOG)
    if len(reader.faults) > faults_before:
        return Choose()
    if not math.isclose(random + quota + uncertain, 1.0, abs_tol=_SUM_TOLERANCE):
        reader.refuse(at, "out_of_range", "the shares random, quota and uncertain sum to 1")
        return Choose()
    return Choose(random, quota, uncertain, backlog)


def _read_push(reader: _Reader, given: Mapping[str, Any]) -> Push:
    if "push" not in given:
        return Push.AUTO
    return reader.member(given["push"], "/labeling/push", Push, tuple(Push)) or Push.AUTO


def _read_honeypots(reader: _Reader, given: Mapping[str, Any]) -> Honeypots | None:
    at = "/labeling/honeypots"
    members = reader.optional(given.get("honeypots"), at, ("share", "max_exposures"))
    if members is None or not reader.required(members, at, ("share",)):
        return None
    share = reader.share(members, at, "share", default=0.0)
    exposures = reader.whole(members, at, "max_exposures", default=1, lowest=1, highest=100)
    return Honeypots(share, exposures) if share > 0 else None


def _read_onboarding(reader: _Reader, given: Mapping[str, Any]) -> Onboarding | None:
    at = "/labeling/onboarding"
    members = reader.optional(given.get("onboarding"), at, ("tasks", "pass"))
    if members is None or not reader.required(members, at, ("tasks", "pass")):
        return None
    tasks = reader.whole(members, at, "tasks", default=0, lowest=0, highest=1000)
    pass_share = reader.share(members, at, "pass", default=0.0)
    return Onboarding(tasks, pass_share) if tasks > 0 else None


def _read_questions(
    reader: _Reader, raw: object, configuration: LabelingConfiguration
) -> Mapping[str, QuestionSettings]:
    given = reader.members(raw, "/questions")
    for name in given:
        if name not in configuration.question_named:
            reader.refuse(f"/questions/{_escaped(name)}", "unknown_field", _detail_of_unknown(name, configuration))
    return {
        question.name: _read_settings(reader, given.get(question.name), question)
        for question in configuration.questions
    }


def _detail_of_unknown(name: str, configuration: LabelingConfiguration) -> str:
    if name in configuration.unmeasured_named:
        return "this control is stored and exported raw, but not measured: it has no settings"
    allowed = ", ".join(question.name for question in configuration.questions) or "none is asked"
    return f"not a question of labeling.config; allowed: {allowed}"


def _read_settings(reader: _Reader, raw: object, question: Question) -> QuestionSettings:
    at = f"/questions/{_escaped(question.name)}"
    given = reader.mapping(raw, at, ("level", "consensus"))
    level = DEFAULT_LEVEL[question.kind]
    if "level" in given:
        level = reader.member(given["level"], f"{at}/level", Level, levels_of(question)) or level
    method = Method.AUTO
    if "consensus" in given:
        method = (
            reader.member(given["consensus"], f"{at}/consensus", Method, methods_of(question.kind, level)) or method
        )
    return QuestionSettings(level, method)


def _escaped(key: str) -> str:
    """One step of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")
