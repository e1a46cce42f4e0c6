"""What commands about reports ask for, and the two places that answer: this installation, and another one over HTTP."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from foundation.installations import OtherInstallation, opened_at

if TYPE_CHECKING:
    from quality.local_reports import ReportsHere


class Reports(Protocol):
    """The reports of one project, wherever it is held."""

    def newest_report(self) -> dict[str, Any]:
        """The newest as `GET /quality` shows it."""


def opened_reports(project: str, url: str | None, key: str | None) -> AbstractContextManager[Reports]:
    """The reports of a project at `url`, or in this installation."""
    return opened_at(project, url, key, here=_here, there=ReportsElsewhere)


class ReportsElsewhere(OtherInstallation):
    """On a server that holds the project, which measures by itself."""

    def newest_report(self) -> dict[str, Any]:
        return self.server.ask("GET", f"{self.path}/quality")


def _here(project: str) -> AbstractContextManager[ReportsHere]:
    """What it needs of the database is not loaded where another installation is asked."""
    from collector.queries import project_named
    from quality.local_reports import ReportsHere

    return ReportsHere.opened(project, project_named)
