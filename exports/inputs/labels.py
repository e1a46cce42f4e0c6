"""One target's answers made one, item by item: the consensus, how sure it is, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import orjson

from exports.inputs.plan import TargetSpec
from exports.project import LabelRules
from labeling.consensus.choice import Judge, method_in_effect
from labeling.consensus.votes import Background
from labeling.project import QuestionSettings
from labeling.questions.question import Question
from labeling.questions.values import Value, key_of

PATTERNS_KEPT: Final = 1 << 16


class Missing(StrEnum):
    """Why an item has no label, as it stands in `<target>_source` where such items are kept."""

    NO_ANSWER = "unresolved: no answer"
    TOO_FEW = "unresolved: too few answers"
    UNSURE = "unresolved: low confidence"
    TIE = "unresolved: tie"


@dataclass(frozen=True, slots=True)
class Label:
    """What one target says of one item; `missing` says why there is no value. `mark` changes when the answers do.

    `source` is the method, or the kind of `Missing` where there is no value.
    """

    value: Value | None
    confidence: float | None
    n: int
    votes: str | None
    source: str
    mark: bytes
    missing: str | None


@dataclass(frozen=True)
class TargetJudge:
    """Labels of one target. Items with the same answers have the same label, so few are worked out twice."""

    target: TargetSpec
    question: Question
    judge: Judge
    rules: LabelRules
    _known: dict[str | None, Label] = field(default_factory=dict)

    def label_of(self, votes: str | None) -> Label:
        """The label of an item from its answers: JSON values joined by commas, None for no answer."""
        known = self._known.get(votes)
        if known is None:
            if len(self._known) >= PATTERNS_KEPT:
                self._known.clear()
            known = self._known[votes] = self._work_out(votes)
        return known

    def _work_out(self, votes: str | None) -> Label:
        # In order, so that a sum of floats does not depend on the order in which a database hands them out.
        stored = sorted(orjson.loads(f"[{votes}]"), key=lambda value: (str(type(value)), value)) if votes else []
        values = [self.question.of_stored(value) for value in stored]
        if not values:
            return self._without(Missing.NO_ANSWER, f"no answer to {self.target.name}", 0, None, None)
        agreed = self.judge.consensus("", values)
        counted = orjson.dumps({key_of(value): count for value, count in agreed.votes})
        least = self.rules.min_annotations
        if agreed.n < least:
            why = f"fewer than {least} answers to {self.target.name}"
            return self._without(Missing.TOO_FEW, why, agreed.n, agreed.confidence, counted)
        if agreed.confidence < self.rules.min_confidence:
            why = f"confidence below {self.rules.min_confidence:g} for {self.target.name}"
            return self._without(Missing.UNSURE, why, agreed.n, agreed.confidence, counted)
        if agreed.tie:
            why = f"a tie of the answers to {self.target.name}"
            return self._without(Missing.TIE, why, agreed.n, agreed.confidence, counted)
        value = self.target.column.fit(agreed.value)
        mark = _mark(orjson.dumps(value) + counted)
        return Label(value, agreed.confidence, agreed.n, counted.decode(), str(self.judge.method), mark, None)

    def _without(self, kind: Missing, why: str, n: int, confidence: float | None, counted: bytes | None) -> Label:
        votes = counted.decode() if counted is not None else None
        return Label(None, confidence, n, votes, kind.value, _mark(b"null" + (counted or b"")), why)


def judge_of(
    target: TargetSpec, question: Question, settings: QuestionSettings, rules: LabelRules, counts: Mapping[Value, int]
) -> TargetJudge:
    """The judge of one target; `counts` says how often each value was given over all items."""
    method = method_in_effect(question, settings.consensus)
    return TargetJudge(target, question, Judge(method, settings.level, Background(counts, question.order)), rules)


def raw_answers(given: str | None) -> str | None:
    """The answers to a control that is not measured, as JSON: a list for each person, in an order that tells nobody apart.

    Args:
        given: lists of regions joined by commas, None for no answer.

    >>> raw_answers('[{"b":1}],[{"a":2}]'), raw_answers(None)
    ('[[{"a":2}],[{"b":1}]]', None)
    """
    if given is None:
        return None
    return f"[{','.join(sorted(orjson.dumps(one).decode() for one in orjson.loads(f'[{given}]')))}]"


def row_mark(labels: list[Label], *raw: str | None) -> int:
    """64 bits that change when an answer to any target or unmeasured control does, as a signed number.

    >>> row_mark([]) == row_mark([]), row_mark([], "[]") == row_mark([])
    (True, False)
    """
    marks = [label.mark for label in labels]
    marks += [_mark((given or "").encode()) for given in raw]
    digest = blake2b(b"".join(marks), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _mark(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()
