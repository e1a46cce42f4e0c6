"""The sides of a version, and how large a part of all groups each is to have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

UNIT: Final = 1 << 64


class Side(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SIDES: Final = tuple(Side)


@dataclass(frozen=True)
class Shares:
    """Share of groups a side gets; the three add up to 1."""

    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1

    def thresholds(self) -> tuple[int, int]:
        """Where validation and test begin among the 2**64 keys; decimal shares are taken as written, not as binary.

        >>> Shares(0.5, 0.5, 0).thresholds() == (2**63, 2**64)
        True
        """
        train = Fraction(str(self.train))
        whole = train + Fraction(str(self.validation)) + Fraction(str(self.test))
        validation_ends = train + Fraction(str(self.validation))
        return int(train / whole * UNIT), int(validation_ends / whole * UNIT)
