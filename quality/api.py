"""Quality over HTTP: the newest report, the rows behind it, and measuring now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from foundation.cursors import page_after, read_id_cursor
from foundation.errors import NotFound
from foundation.http.guards import MANAGERS, READERS
from foundation.http.openapi import CURSOR
from foundation.http.web import Call, Routes, json_answer
from foundation.queue import enqueue_and_wake
from labeling.queries import aliases_of
from quality.queries import failing_signals, require_report
from quality.report import with_aliases
from quality.tasks import REPORT

PAGE = 1000
PROJECT = "/v1/projects/<project>"
routes = Routes("quality", title="Quality")


class QualityRead(BaseModel):
    """Figures with n and interval; what is undefined is null and has its reason."""

    report: int
    created_at: datetime
    revision: int
    annotations_upto_seq: int
    signals: int
    questions: dict[str, Any]
    expectations: dict[str, Any] | None
    not_measured: list[str]
    unanswerable: int


class FailingPage(BaseModel):
    report: int
    expectation: int
    signals: list[str]
    cursor: str | None


class JobAccepted(BaseModel):
    job: str


@routes.route("GET", f"{PROJECT}/quality", allows=READERS, summary="The newest report", answers={200: QualityRead})
def get_quality(call: Call) -> ResponseReturnValue:
    """Annotators are called by the aliases that a lead gave them where the key may manage; to others by number."""
    with call.unit_of_work(read_only=True) as session:
        report = require_report(session, call.project_no)
        aliases = aliases_of(session, call.project_no) if call.is_manager else {}
    body = with_aliases(report.body, aliases)
    return json_answer(QualityRead(report=report.no, created_at=report.created_at, **body))


@routes.route("POST", f"{PROJECT}/quality", allows=MANAGERS, summary="Measure now", answers={202: JobAccepted})
def post_quality(call: Call) -> ResponseReturnValue:
    """The job's result names the report."""
    with call.unit_of_work() as session:
        job_id = enqueue_and_wake(session, REPORT, project_id=call.project_no, coalesce=True)
    return json_answer(JobAccepted(job=str(job_id)), 202)


@routes.route(
    "GET",
    f"{PROJECT}/quality/expectations/<expectation>",
    allows=READERS,
    summary="Every signal that fails an expectation of the newest report",
    answers={200: FailingPage},
    problems=(422,),
    query=CURSOR,
)
def get_failing(call: Call) -> ResponseReturnValue:
    """`expectation` is its place in the project file, from 0."""
    if not (call.path.expectation.isascii() and call.path.expectation.isdigit() and len(call.path.expectation) < 6):
        raise NotFound("an expectation is named by its place in the project file, from 0")
    place, after = int(call.path.expectation), read_id_cursor(request.args.get("cursor"))
    with call.unit_of_work(read_only=True) as session:
        report = require_report(session, call.project_no)
        suite = (report.body["expectations"] or {}).get("expectations", [])
        if place >= len(suite):
            raise NotFound("the newest report has no such expectation")
        found = failing_signals(session, call.project_no, report.no, place, after=after, limit=PAGE + 1)
    cursor = page_after([str(found[PAGE - 1])]) if len(found) > PAGE else None
    signals = [str(signal) for signal in found[:PAGE]]
    return json_answer(FailingPage(report=report.no, expectation=place, signals=signals, cursor=cursor))
