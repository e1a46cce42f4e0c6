"""What quality adds to a person's record: which of their signals fail an expectation of a report that is kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from sqlmodel import Session, col, select

from collector.subjects.record import Person, Row
from foundation.database import these
from quality.models import FailingRow


def contribute(person: Person) -> Mapping[str, Iterator[Row]]:
    """`failing_rows`."""
    return {"failing_rows": person.each_page_of_signals(partial(_failing, person.project_id))}


def _failing(project_id: int, session: Session, signals: Sequence[uuid.UUID]) -> Iterator[Row]:
    rows = session.exec(
        select(FailingRow)
        .where(col(FailingRow.project_id) == project_id, col(FailingRow.signal_id).in_(these(session, signals)))
        .order_by(col(FailingRow.signal_id), col(FailingRow.report_no), col(FailingRow.expectation))
    )
    for row in rows:
        yield {"signal": str(row.signal_id), "report": row.report_no, "expectation": row.expectation}
