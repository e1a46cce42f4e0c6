"""Jobs and the activity log over HTTP."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from sqlalchemy import tuple_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from foundation.activity import Activity
from foundation.cursors import bad_cursor, page_after, read_cursor
from foundation.errors import Fault, InvalidBody, NotFound
from foundation.http.guards import MANAGERS, READERS
from foundation.http.openapi import CURSOR, one_of
from foundation.http.web import Call, Routes, json_answer
from foundation.jobs import Job, JobState, read_job

PAGE = 100
SEQ = re.compile("[0-9]{1,18}")
routes = Routes("foundation", title="Jobs and activity")


class Progress(BaseModel):
    """In the job's own units: rows of a version, questions and suites of a report, steps of a sync."""

    done: int
    total: int | None


class JobRead(BaseModel):
    job: str
    kind: str
    status: JobState
    progress: Progress
    error: str | None = None
    result: dict[str, Any] | None = None


class JobInList(JobRead):
    created_at: datetime
    finished_at: datetime | None


class JobPage(BaseModel):
    jobs: list[JobInList]
    cursor: str | None


class ActivityRead(BaseModel):
    """What somebody did. `project` is null for what concerns the whole installation."""

    seq: int
    project: str | None
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
    return json_answer(JobRead(**_told_of(job)))


@routes.route(
    "GET",
    "/v1/projects/<project>/jobs",
    allows=READERS,
    summary="What was asked for and is worked on, the newest first",
    answers={200: JobPage},
    problems=(422,),
    query={
        "status": one_of("only jobs of this status", JobState, may_be_empty=True),
        "kind": "only jobs of this kind",
        **CURSOR,
    },
)
def get_jobs(call: Call) -> ResponseReturnValue:
    """Ended ones stay for a week."""
    before, statement = _job_before(read_cursor(request.args.get("cursor"))), newest_jobs(call.project_no)
    if before:
        statement = statement.where(tuple_(col(Job.created_at), col(Job.id)) < tuple_(*before))
    if status := request.args.get("status"):
        statement = statement.where(col(Job.state) == _status(status))
    if kind := request.args.get("kind"):
        statement = statement.where(col(Job.kind) == kind.replace("\0", ""))
    with call.unit_of_work(read_only=True) as session:
        found = session.exec(statement.limit(PAGE + 1)).all()
    last = found[PAGE - 1] if len(found) > PAGE else None
    rows = [JobInList(**_told_of(job), created_at=job.created_at, finished_at=job.finished_at) for job in found[:PAGE]]
    cursor = page_after([last.created_at.isoformat(), str(last.id)]) if last else None
    return json_answer(JobPage(jobs=rows, cursor=cursor))


@routes.route(
    "GET",
    "/v1/activity",
    allows=MANAGERS,
    summary="Who did what",
    answers={200: ActivityPage},
    problems=(404, 422),
    query={"project": "only what concerns this project", **CURSOR},
)
def get_activity(call: Call) -> ResponseReturnValue:
    """Oldest first; a manage key sees its project's rows, an admin key all."""
    after = read_cursor(request.args.get("cursor"))
    if after and not (len(after) == 1 and SEQ.fullmatch(after[0])):
        raise bad_cursor()
    statement = select(Activity).order_by(col(Activity.seq)).limit(PAGE + 1)
    if after:
        statement = statement.where(col(Activity.seq) > int(after[0]))
    with call.unit_of_work(read_only=True) as session:
        only = _project_asked_for(call, session, request.args.get("project"))
        rows = session.exec(statement if only is None else statement.where(col(Activity.project_id) == only)).all()
        shown = {row.project_id for row in rows if row.project_id is not None}
        names = call.services.projects.names(session, shown)
    page = [
        ActivityRead(
            seq=row.seq,
            project=names.get(row.project_id) if row.project_id is not None else None,
            at=row.at,
            actor=row.actor,
            action=row.action,
            facts=row.facts,
            hash=row.hash.hex(),
        )
        for row in rows[:PAGE]
    ]
    cursor = page_after([str(rows[PAGE - 1].seq)]) if len(rows) > PAGE else None
    return json_answer(ActivityPage(activity=page, cursor=cursor))


def newest_jobs(project_id: int) -> SelectOfScalar[Job]:
    """A project's jobs, the newest first."""
    of_project = select(Job).where(col(Job.project_id) == project_id)
    return of_project.order_by(col(Job.created_at).desc(), col(Job.id).desc())


def _project_asked_for(call: Call, session: Session, name: str | None) -> int | None:
    """The project whose rows are asked for; None: all that there is. Another's is answered as a missing one."""
    own = call.caller.project_id
    if not name:
        return own
    wanted = call.services.projects.find(session, name)
    if wanted is None or own not in {None, wanted}:
        raise NotFound("there is no such project here")
    return wanted


def _job_before(place: list[str] | None) -> tuple[datetime, uuid.UUID] | None:
    if place is None:
        return None
    try:
        created_at, job = place
        return datetime.fromisoformat(created_at).astimezone(UTC), uuid.UUID(job)
    except ValueError:
        raise bad_cursor() from None


def _status(text: str) -> str:
    if text not in tuple(JobState):
        fault = Fault("?status", "not_in_list", f"must be one of {', '.join(JobState)}")
        raise InvalidBody("there is no such status of a job", faults=[fault])
    return text


def _told_of(job: Job) -> dict[str, Any]:
    """The fields of a `JobRead`; an error that was overcome is not told."""
    fields: dict[str, Any] = {
        "job": str(job.id),
        "kind": job.kind,
        "status": JobState(job.state),
        "progress": Progress(done=job.done, total=job.total),
    }
    if job.error and job.state != JobState.DONE:
        fields["error"] = job.error
    if job.result is not None:
        fields["result"] = job.result
    return fields
