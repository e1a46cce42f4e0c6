"""What a project file may say under `labeling` and `questions`, and the same once it is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from foundation.document.containers import MappingOf, Object
from foundation.document.definitions import Anything, Choice, Definition, Number, Reader, Text, Whole, pointer_to
from foundation.errors import Fault, listed
from labeling.questions.configuration import MAX_CHARS, LabelingConfiguration, parse_configuration
from labeling.questions.levels import ACCURACY_MODELS, Level, Method
from labeling.questions.question import Question

EXT_ID, BATCH = "ext_id", "ext_batch"
OWN_FIELDS = (EXT_ID, BATCH)
"""What Winnow adds to a task's content: names that no field shown to annotators may have."""
MAX_OVERLAP = 20
MAX_BACKLOG = 100_000
MAX_GUIDELINES_CHARS = 200_000
MAX_VERSION_CHARS = 64
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
    """What a project file says about labeling.

    `config` is the text as it was written; empty: nothing to label yet. `instead` says what is done instead of settings
    that are not acted upon yet, by pointer.
    """

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
    instead: Mapping[str, str] = field(default_factory=dict)


def _honeypots(share: float, max_exposures: int) -> Honeypots | None:
    return Honeypots(share, max_exposures) if share > 0 else None


def _onboarding(**given: Any) -> Onboarding | None:
    return Onboarding(given["tasks"], given["pass"]) if given["tasks"] > 0 else None


LABELING: Final = Object(
    "What annotators are asked, and how many of them.",
    keys={
        "config": Text(
            "A Label Studio labeling configuration as XML text; `$name` shows a field. Needed where anything stands here.",
            max_chars=MAX_CHARS,
        ),
        "guidelines": Object(
            "What annotators are told.",
            may_be_absent=True,
            into=Guidelines,
            keys={
                "version": Text(
                    "The version that answers can be traced to.",
                    required=True,
                    needs_words=True,
                    max_chars=MAX_VERSION_CHARS,
                ),
                "text": Text("The text itself.", required=True, needs_words=True, max_chars=MAX_GUIDELINES_CHARS),
            },
        ),
        "overlap": Whole("How many annotators each item needs.", lowest=1, highest=MAX_OVERLAP, default=1),
        "max_overlap": Whole(
            "Up to how many annotators an item gets where they disagree.",
            lowest=1,
            highest=MAX_OVERLAP,
            default_says="`overlap`",
            instead="each item gets as many as `overlap` says, however little they agree",
        ),
        "choose": Object(
            "How the next items are chosen: shares that add up to 1.",
            keys={
                "random": Number(
                    "The share chosen at random.", lowest=0, highest=1, default_says="what the others leave"
                ),
                "quota": Number(
                    "The share chosen to fill strata of the population.",
                    lowest=0,
                    highest=1,
                    default=0.0,
                    instead="all items are chosen at random",
                ),
                "uncertain": Number(
                    "The share of which your model is least sure.",
                    lowest=0,
                    highest=1,
                    default=0.0,
                    instead="all items are chosen at random",
                ),
                "backlog": Whole(
                    "How many open tasks are kept in Label Studio.", lowest=1, highest=MAX_BACKLOG, default=500
                ),
            },
        ),
        "push": Choice(
            "Whether items go to Label Studio by themselves, or only when a sync is asked for.",
            values=tuple(Push),
            default=Push.AUTO,
        ),
        "honeypots": Object(
            "Known answers among the tasks.",
            may_be_absent=True,
            into=_honeypots,
            instead="no known answers are mixed in, and nobody is scored",
            keys={
                "share": Number("Their share of all tasks.", required=True, lowest=0, highest=1),
                "max_exposures": Whole("How often one person may meet the same one.", lowest=1, highest=100, default=1),
            },
        ),
        "onboarding": Object(
            "Known answers at an annotator's start.",
            may_be_absent=True,
            into=_onboarding,
            instead="annotators get ordinary tasks from the start, and all their answers count",
            keys={
                "tasks": Whole("How many.", required=True, lowest=0, highest=1000),
                "pass": Number("The share to get right.", required=True, lowest=0, highest=1),
            },
        ),
    },
)
_LEVEL: Final = Choice(
    "The level of measurement; texts that are no numbers have none above ordinal.",
    values=tuple(Level),
    default_says="nominal for choices, ordinal for ratings, interval for numbers",
)
_CONSENSUS: Final = Choice(
    "How the answers to an item become one; which methods there are depends on kind and level.",
    values=tuple(Method),
    default=Method.AUTO,
    instead_of=dict.fromkeys(sorted(ACCURACY_MODELS), "the majority of an item's answers is taken"),
)
QUESTIONS: Final = MappingOf(
    "How questions are measured, by the name of the control tag.",
    called="question",
    of=Object(
        keys={
            "level": _LEVEL,
            "consensus": _CONSENSUS,
        }
    ),
)
DEFINITIONS: Final[Mapping[str, Definition]] = {"labeling": LABELING, "questions": QUESTIONS}


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
    reader = Reader()
    given = reader.read(LABELING, section, "/labeling")
    config = given.pop("config") or ""
    configuration = LabelingConfiguration()
    if config:
        configuration, faults = parse_configuration(config, declared_fields=declared_fields)
        reader.take_over(faults)
    elif isinstance(section, Mapping) and section and reader.is_clean("/labeling/config"):
        reader.fault(
            "/labeling/config", "missing_field", "a Label Studio labeling configuration, as XML text, is needed"
        )
    read = LabelingSection(
        config=config,
        configuration=configuration,
        questions=_read_questions(reader, questions, configuration),
        **{
            **given,
            "max_overlap": _max_overlap(reader, given["max_overlap"], given["overlap"]),
            "choose": _choose(reader, given["choose"]),
        },
    )
    return replace(read, instead=reader.instead), reader.faults


def not_in_effect(section: LabelingSection) -> list[str]:
    """Pointers to the settings that are kept but that this release does not act upon."""
    return list(section.instead)


def _max_overlap(reader: Reader, given: int | None, overlap: int) -> int:
    at = "/labeling/max_overlap"
    if given is not None and given < overlap:
        reader.fault(at, "out_of_range", f"must be a whole number from {overlap} (overlap) to {MAX_OVERLAP}")
    if given is None or given <= overlap:
        reader.instead.pop(at, None)
        return overlap
    return given


def _choose(reader: Reader, given: Mapping[str, Any]) -> Choose:
    """Shares of the ways to choose; `random` takes what the others leave where it is not given."""
    at = "/labeling/choose"
    if not reader.is_clean(at):
        return Choose()
    random, quota, uncertain = given["random"], given["quota"], given["uncertain"]
    if random is None:
        random = max(0.0, 1.0 - quota - uncertain)
    if not math.isclose(random + quota + uncertain, 1.0, abs_tol=_SUM_TOLERANCE):
        reader.fault(at, "out_of_range", "the shares random, quota and uncertain must add up to 1")
        return Choose()
    return Choose(random, quota, uncertain, given["backlog"])


def _read_questions(
    reader: Reader, raw: object, configuration: LabelingConfiguration
) -> Mapping[str, QuestionSettings]:
    given = reader.read(replace(QUESTIONS, of=Anything()), raw, "/questions")
    for name in given:
        if name not in configuration.question_named:
            told = _told_of_unknown(name, configuration, reader)
            reader.fault(pointer_to("/questions", name), "unknown_field", told)
    return {
        question.name: reader.read(
            _settings_of(question, given.get(question.name)),
            given.get(question.name),
            pointer_to("/questions", question.name),
        )
        for question in configuration.questions
    }


def _told_of_unknown(name: str, configuration: LabelingConfiguration, reader: Reader) -> str:
    if name in configuration.unmeasured_named:
        return "this control is stored and exported raw, but not measured: it has no settings"
    names = list(configuration.question_named)
    near = reader.near(name, names)
    return f"{near}labeling.config asks no such question; allowed here: {listed(names) or 'nothing'}"


def _settings_of(question: Question, raw: object) -> Object:
    """What may be said of one question: its level decides which methods there are."""
    levels = replace(_LEVEL, values=question.levels(), default=question.default_level)
    level = Reader().read(levels, raw.get("level") if isinstance(raw, Mapping) else None, "")
    methods = replace(_CONSENSUS, values=question.methods(level))
    return Object(keys={"level": levels, "consensus": methods}, into=QuestionSettings)
