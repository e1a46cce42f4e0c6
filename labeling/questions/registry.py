"""All kinds of questions, and which of them a tag asks."""

from __future__ import annotations

from typing import Final

from foundation.errors import Fault
from labeling.questions.choice import ChoiceQuestion
from labeling.questions.number import NumberQuestion
from labeling.questions.question import Question, Tag
from labeling.questions.rating import RatingQuestion

KINDS: Final[dict[str, type[Question]]] = {kind.kind: kind for kind in (ChoiceQuestion, RatingQuestion, NumberQuestion)}
"""By their words; of several that read the same tag, the first that knows it. What a version makes of a kind stands in
`exports/inputs/column_types.py`."""


def question_of(tag_name: str, tag: Tag) -> Question | list[Fault] | None:
    """The question that a tag asks, or what is wrong with it; None where no kind measures it."""
    asked = (kind.of_tag(tag) for kind in KINDS.values() if kind.tag == tag_name)
    return next((read for read in asked if read is not None), None)
