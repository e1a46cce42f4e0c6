"""So many stars of a few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from foundation.errors import Fault
from labeling.questions.levels import Level
from labeling.questions.number import NumericQuestion
from labeling.questions.question import Tag
from labeling.questions.values import Value, number_in

MAX_RATING: Final = 100
DEFAULT_RATING: Final = 5.0


@dataclass(frozen=True, slots=True)
class RatingQuestion(NumericQuestion):
    """Whole numbers from 1 to what the tag calls maxRating."""

    kind: ClassVar[str] = "rating"
    tag: ClassVar[str] = "Rating"
    region: ClassVar[str] = "rating"
    default_level: ClassVar[Level] = Level.ORDINAL

    @classmethod
    def of_tag(cls, tag: Tag) -> RatingQuestion | list[Fault]:
        written = tag.attribute("maxRating")
        maximum = number_in(written) if written else DEFAULT_RATING
        if maximum is None or not maximum.is_integer() or not 1 <= maximum <= MAX_RATING:
            return [tag.fault("out_of_range", f"maxRating is a whole number from 1 to {MAX_RATING}")]
        return cls(tag.attribute("name"), tag.attribute("toName").strip(), 1, int(maximum))

    def read(self, raw: object, pointer: str = "") -> Value | Fault:
        read = NumericQuestion.read(self, raw, pointer)
        if isinstance(read, float):
            return int(read) if read.is_integer() else Fault(pointer, "wrong_type", "a rating is a whole number")
        return read
