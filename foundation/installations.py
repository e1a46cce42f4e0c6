"""Where a command about a project works: in this installation, or in another one over HTTP.

A domain whose commands can do both says what they ask for in a Protocol of its own, and has two classes that answer: one
below `ThisInstallation` and one below `OtherInstallation`. Its commands take `--url` and `--key` from
`foundation.cli.elsewhere` and call `opened_at`; from there on they do not know where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import quote

from foundation.client import Server
from foundation.opening import opened_installation

if TYPE_CHECKING:
    from sqlmodel import Session

    from foundation.database import Database
    from foundation.settings import Settings

    ProjectNamed = Callable[[Session, str], int]

WAITS_FOR_JOB_S: Final = 12 * 3600.0
"""So long a command waits for a job that it has asked for, here or there."""


@dataclass(frozen=True)
class ThisInstallation:
    """The database that the environment names, and a project in it."""

    settings: Settings
    database: Database
    project: str
    project_id: int

    @classmethod
    @contextmanager
    def opened(cls, project: str, project_named: ProjectNamed) -> Iterator[Self]:
        """This installation, for as long as a command needs it.

        Args:
            project_named: finds a project by its name; what it raises where there is none is raised here.

        Raises:
            BadSettings: production, and a secret is missing or weak.
        """
        from foundation.database import unit_of_work

        with opened_installation() as (settings, database):
            with unit_of_work(database, read_only=True) as session:
                project_id = project_named(session, project)
            yield cls(settings, database, project, project_id)


@dataclass(frozen=True)
class OtherInstallation:
    """A server that holds the project."""

    server: Server
    project: str

    @classmethod
    def at(cls, url: str, key: str | None, project: str) -> Self:
        """Raises UsageError where no key was given."""
        return cls(Server.at(url, key), project)

    @property
    def path(self) -> str:
        """Below it lies all that the server tells of the project."""
        return f"/v1/projects/{quote(self.project, safe='')}"


Here = TypeVar("Here", bound=ThisInstallation)
There = TypeVar("There", bound=OtherInstallation)


@contextmanager
def opened_at(
    project: str,
    url: str | None,
    key: str | None,
    *,
    here: Callable[[str], AbstractContextManager[Here]],
    there: type[There],
) -> Iterator[Here | There]:
    """The project in the installation at `url`, or in this one where no URL is given.

    Args:
        here: opens this installation for a project; it is not called where another one is asked.
    """
    if url is not None:
        yield there.at(url, key, project)
        return
    with here(project) as installation:
        yield installation
