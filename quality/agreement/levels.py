"""Levels of measurement; light enough for a command's `--help`."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """What may be said about two values: same or not, before or after, how far apart, how many times."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"
