"""What the roof tells the floors below the collector of projects, whose table is none of theirs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Projects:
    """How a project is found and named.

    Attributes:
        find: a project's id by its name; None where there is none.
        near: a question that names the project of the nearest name; empty where none is near.
        names: the names of these projects, or of all, by their ids and in the order of the names.
        known: a SELECT of all projects: first the columns `name` and `id`, then what their own floor wants to know with
            every call. Who calls and what they call is asked in one statement.
    """

    find: Callable[[Session, str], int | None]
    near: Callable[[Session, str], str]
    names: Callable[[Session, Collection[int] | None], dict[int, str]]
    known: str
