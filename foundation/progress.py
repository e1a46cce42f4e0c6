"""How far a long piece of work is, told to whoever asks."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], object]
"""Takes how many parts are done, and of how many."""


def untold(done: int, total: int) -> None:
    """For work that nobody asks about."""
