"""What commands about reports ask for, and the two places that answer: this installation, and another one over HTTP."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from foundation.installations import OtherInstallation, ThisInstallation, opened_at


class Reports(Protocol):
    """The reports of one project, wherever it is held."""

    def newest_report(self) -> dict[str, Any]:
        """The newest as `GET /quality` shows it."""


def opened_reports(project: str, url: str | None, key: str | None) -> AbstractContextManager[Reports]:
    """The reports of a project at `url`, or in this installation."""
    from collector.queries import project_named

    return opened_at(project, url, key, here=ReportsHere, there=ReportsElsewhere, project_named=project_named)


class ReportsHere(ThisInstallation):
    """In the database that the environment names: the newest report is made now."""

    def newest_report(self) -> dict[str, Any]:
        from foundation.database import unit_of_work, utc_now
        from labeling.queries import aliases_of
        from quality.limited_suite import within
        from quality.report import with_aliases
        from quality.service import measure, read_facts, store_report

        with unit_of_work(self.database, read_only=True) as session:
            facts = read_facts(session, self.project_id)
        measured = measure(facts, run=within(self.settings))
        with unit_of_work(self.database) as session:
            row = store_report(session, self.project_id, measured, now=utc_now())
            body = with_aliases(measured.as_json(), aliases_of(session, self.project_id))
            return {"report": row.no, "created_at": row.created_at.isoformat(), **body}


class ReportsElsewhere(OtherInstallation):
    """On a server that holds the project, which measures by itself."""

    def newest_report(self) -> dict[str, Any]:
        return self.server.ask("GET", f"{self.path}/quality")
