"""Jobs and the activity log over HTTP."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from sqlmodel import col, select

from foundation.activity import Activity
from foundation.cursors import bad_cursor, page_after, read_cursor
from foundation.errors import NotFound
from foundation.guards import MANAGERS, READERS
from foundation.jobs import Job, JobState, read_job
from foundation.openapi import CURSOR
from foundation.web import Call, Routes, json_answer

PAGE = 100
SEQ = re.compile("[0-9]{1,18}")
routes = Routes("foundation", title="Jobs and activity")


class Progress(BaseModel):
    done: int
    total: int | None


class JobRead(BaseModel):
    job: str
    kind: str
    status: JobState
    progress: Progress
    error: str | None = None
    result: dict[str, Any] | None = None


class ActivityRead(BaseModel):
    seq: int
    at: datetime
    actor: str
    action: str
    facts: dict[str, Any]
    hash: str


class ActivityPage(BaseModel):
    activity: list[ActivityRead]
    cursor: str | None


@routes.route("GET", "/v1/jobs/<job>", allows=READERS, summary="How far a job is", answers={200: JobRead})
def get_job(call: Call) -> ResponseReturnValue:
    try:
        wanted = uuid.UUID(call.path.job)
    except ValueError:
        raise NotFound("there is no such job here") from None
    with call.unit_of_work(read_only=True) as session:
        job = read_job(session, wanted)
    if call.caller.project_id not in {None, job.project_id}:
        raise NotFound("there is no such job here")
    return json_answer(describe_job(job))


@routes.route(
    "GET",
    "/v1/activity",
    allows=MANAGERS,
    summary="Who did what",
    answers={200: ActivityPage},
    problems=(422,),
    query=CURSOR,
)
def get_activity(call: Call) -> ResponseReturnValue:
    """Oldest first; a manage key sees its project's rows, an admin key all."""
    after = read_cursor(request.args.get("cursor"))
    if after and not (len(after) == 1 and SEQ.fullmatch(after[0])):
        raise bad_cursor()
    statement = select(Activity).order_by(col(Activity.seq)).limit(PAGE + 1)
    if call.caller.project_id is not None:
        statement = statement.where(col(Activity.project_id) == call.caller.project_id)
    if after:
        statement = statement.where(col(Activity.seq) > int(after[0]))
    with call.unit_of_work(read_only=True) as session:
        rows = session.exec(statement).all()
    page = [
        {
            "seq": row.seq,
            "at": row.at.isoformat(),
            "actor": row.actor,
            "action": row.action,
            "facts": row.facts,
            "hash": row.hash.hex(),
        }
        for row in rows[:PAGE]
    ]
    cursor = page_after([str(rows[PAGE - 1].seq)]) if len(rows) > PAGE else None
    return json_answer({"activity": page, "cursor": cursor})


def describe_job(job: Job) -> dict[str, Any]:
    """A job as the API shows it."""
    body: dict[str, Any] = {
        "job": str(job.id),
        "kind": job.kind,
        "status": job.state,
        "progress": {"done": job.done, "total": job.total},
    }
    if job.error and job.state != "done":
        body["error"] = job.error
    if job.result is not None:
        body["result"] = job.result
    return body
