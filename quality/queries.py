"""Reads: the newest report, its failing rows, whether it is still true, and the signals' table as a frame."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from collector.models import Item, Project, Signal
from collector.project_file import ProjectFile
from collector.queries import count_signals, live_signal_passes
from foundation.errors import NotFound
from labeling.queries import newest_seq
from quality.frames import series_of
from quality.models import FailingRow, Report

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 5_000
UNFINISHED_RESTS = timedelta(hours=1)
GROWN_RESTS, GROWN_SHARE = timedelta(minutes=10), 0.1
"""After so long, or with so many more signals, a report is made again."""
SIGNAL_COLUMNS = ("signal", "item", "captured_at", "event_time", "received_at", "time_quality", "revision")


def newest_report(session: Session, project_id: int) -> Report | None:
    return session.exec(
        select(Report).where(col(Report.project_id) == project_id).order_by(col(Report.no).desc()).limit(1)
    ).first()


def require_report(session: Session, project_id: int) -> Report:
    report = newest_report(session, project_id)
    if report is None:
        raise NotFound("nothing was measured yet: POST /quality, or `winnow quality report`, measures now")
    return report


def failing_signals(
    session: Session, project_id: int, report_no: int, expectation: int, *, after: uuid.UUID | None, limit: int
) -> Sequence[uuid.UUID]:
    """A page of the signals that fail an expectation, in the order of their ids."""
    statement = select(FailingRow.signal_id).where(
        col(FailingRow.project_id) == project_id,
        col(FailingRow.report_no) == report_no,
        col(FailingRow.expectation) == expectation,
    )
    if after is not None:
        statement = statement.where(col(FailingRow.signal_id) > after)
    return session.exec(statement.order_by(col(FailingRow.signal_id)).limit(limit)).all()


def is_stale(session: Session, project_id: int, revision: int, *, now: datetime) -> bool:
    """Whether a report made now would see something that the newest has not, and that is worth its cost.

    New signals alone are, once they are a tenth of all, or after ten minutes: where they come all day a report would be made
    all day. Expectations that met a limit would do so again: they are not run by themselves for an hour, unless they were
    changed.
    """
    report = newest_report(session, project_id)
    if report is None:
        return True
    if report.revision == revision and now - report.created_at < UNFINISHED_RESTS and _is_unfinished(report):
        return False
    if report.revision != revision or report.annotations_upto_seq != newest_seq(session, project_id):
        return True
    changed = abs(count_signals(session, project_id) - report.n_signals)
    has_rested = now - report.created_at >= GROWN_RESTS
    return changed > 0 and (has_rested or changed >= GROWN_SHARE * report.n_signals)


def _is_unfinished(report: Report) -> bool:
    suite = report.body["expectations"] or {}
    return any(one.get("unfinished") for one in suite.get("expectations", []))


def list_projects(session: Session) -> Sequence[tuple[int, int]]:
    """Every project's id and newest revision."""
    return [(row[0], row[1]) for row in session.connection().execute(select(Project.id, Project.revision))]


def signals_frame(session: Session, project_id: int, file: ProjectFile) -> pd.DataFrame:
    """The signals' table: one row a live signal, a column a field of the payload and of the context."""
    import pandas as pd

    fields = [rule.name for rule in file.fields]
    names = [*SIGNAL_COLUMNS, *fields, *file.context_names]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for signal, item, *plain, content, extra, context in session.connection().execute(_signal_rows(project_id)):
        values = {**context, **extra, **content}
        for name, value in zip(SIGNAL_COLUMNS, (str(signal), str(item), *plain), strict=True):
            columns[name].append(value)
        for name in names[len(SIGNAL_COLUMNS) :]:
            columns[name].append(values.get(name))
    return pd.DataFrame({name: series_of(values) for name, values in columns.items()})


def _signal_rows(project_id: int) -> Select[Any]:
    """Live signals in the order of their ids: SIGNAL_COLUMNS, then what the item, the signal and its context hold."""
    signals, items = Signal.__table__.c, Item.__table__.c  # type: ignore[attr-defined]
    of_item = (items.project_id == signals.project_id) & (items.id == signals.item_id)
    return (
        select_columns(
            signals.id,
            signals.item_id,
            signals.captured_at,
            signals.event_time,
            signals.received_at,
            signals.time_quality,
            signals.revision,
            items.content,
            signals.extra,
            signals.context,
        )
        .join(Item.__table__, of_item)  # type: ignore[attr-defined]
        .where(signals.project_id == project_id, live_signal_passes())
        .order_by(signals.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
