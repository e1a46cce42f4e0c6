"""What commands about reports do in this installation."""

from __future__ import annotations

from typing import Any

from foundation.database import unit_of_work, utc_now
from foundation.installations import ThisInstallation
from labeling.queries import aliases_of
from quality.limited_suite import within
from quality.report import with_aliases
from quality.service import measure, read_facts, store_report


class ReportsHere(ThisInstallation):
    """In the database that the environment names: the newest report is made now."""

    def newest_report(self) -> dict[str, Any]:
        with unit_of_work(self.database, read_only=True) as session:
            facts = read_facts(session, self.project_id)
        measured = measure(facts, run=within(self.settings))
        with unit_of_work(self.database) as session:
            row = store_report(session, self.project_id, measured, now=utc_now())
            body = with_aliases(measured.as_json(), aliases_of(session, self.project_id))
            return {"report": row.no, "created_at": row.created_at.isoformat(), **body}
