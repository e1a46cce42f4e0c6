"""Labeling's calls: labels made elsewhere, sync now, annotators, and the hint that Label Studio may give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from foundation.activity import record_activity
from foundation.changes import changes_between
from foundation.errors import TooLarge
from foundation.guards import MANAGERS
from foundation.openapi import JSON, NDJSON
from foundation.queue import enqueue_and_wake
from foundation.settings import Settings
from foundation.web import Call, Routes, Services, json_answer, media_type_among
from labeling import schemas
from labeling.annotators import annotator_key, change_annotator, find_annotator
from labeling.drift import count_drift, list_drift
from labeling.errors import NothingToLabel, StudioMissing
from labeling.queries import annotator_statistics, count_running, current_labeling, list_unanswerable
from labeling.reading import read_list, read_ndjson
from labeling.service import LINES_AT_ONCE, LineResult, LineStatus, count_statuses, import_annotations
from labeling.tasks import SYNC
from labeling.webhook import proves

routes = Routes("labeling", title="Labeling")
PROJECT = "/v1/projects/<project>"


@routes.route(
    "POST",
    f"{PROJECT}/annotations",
    allows=MANAGERS,
    summary="Hand in labels made elsewhere",
    takes=list[schemas.AnnotationSent],
    takes_also=(NDJSON,),
    answers={200: schemas.AnnotationsAnswer},
    problems=(400, 408, 413, 415, 422, 503),
)
def post_annotations(call: Call) -> ResponseReturnValue:
    """A JSON list, or one a line. Idempotent: of one (item, annotator, question) the last counts."""
    read = read_ndjson if media_type_among(JSON, NDJSON) == NDJSON else read_list
    lines = read(call.read_body())
    if len(lines) > call.settings.max_annotations:
        limit = call.settings.max_annotations
        raise TooLarge(f"more than {limit} annotations in a request: send them in parts", limit=limit)
    results: list[LineResult] = []
    for start in range(0, len(lines), LINES_AT_ONCE):
        with call.unit_of_work() as session:
            part = lines[start : start + LINES_AT_ONCE]
            results += import_annotations(
                session, call.project_no, part, key=annotator_key(call.settings), now=call.now
            )
    return json_answer(_answer_of(results, is_minimal="return=minimal" in request.headers.get("Prefer", "")))


@routes.route(
    "POST",
    f"{PROJECT}/sync",
    allows=MANAGERS,
    summary="Push to Label Studio and pull from it now",
    answers={202: schemas.JobAnswer},
    problems=(409, 503),
)
def post_sync(call: Call) -> ResponseReturnValue:
    """The job's result says what was pushed and pulled."""
    refuse_without_studio(call.settings)
    with call.unit_of_work() as session:
        if not current_labeling(session, call.project_no)[1].config:
            raise NothingToLabel("add `labeling: {config: …}` to the project file, then sync")
        job = enqueue_and_wake(session, SYNC, project_id=call.project_no, coalesce=True)
        record_activity(session, "sync_asked", actor=call.actor, project_id=call.project_no, now=call.now)
    return json_answer({"job": str(job)}, 202, Location=f"/v1/jobs/{job}")


@routes.route(
    "GET",
    f"{PROJECT}/annotators",
    allows=MANAGERS,
    summary="Who answers, and what was done",
    answers={200: schemas.AnnotatorsAnswer},
)
def get_annotators(call: Call) -> ResponseReturnValue:
    with call.unit_of_work(read_only=True) as session:
        people = annotator_statistics(session, call.project_no)
    return json_answer({"annotators": [one.as_json() for one in people]})


@routes.route(
    "GET",
    f"{PROJECT}/annotators/<annotator>",
    allows=MANAGERS,
    summary="One annotator",
    answers={200: schemas.AnnotatorRead},
)
def get_annotator(call: Call) -> ResponseReturnValue:
    """By number, or by alias."""
    with call.unit_of_work(read_only=True) as session:
        no = find_annotator(session, call.project_no, call.path.annotator).no
        people = annotator_statistics(session, call.project_no)
    return json_answer(next(one.as_json() for one in people if one.no == no))


@routes.route(
    "PUT",
    f"{PROJECT}/annotators/<annotator>",
    allows=MANAGERS,
    summary="Change an annotator's alias, role or state",
    takes=schemas.AnnotatorPut,
    answers={200: schemas.AnnotatorRead},
    problems=(400, 409, 413, 415, 422),
)
def put_annotator(call: Call) -> ResponseReturnValue:
    """What is left out stays. Label Studio itself is not told: in its community edition nobody can be paused there."""
    wish = call.body_as(schemas.AnnotatorPut)
    with call.unit_of_work() as session:
        changes = wish.model_dump(mode="json", exclude_none=True)
        before = find_annotator(session, call.project_no, call.path.annotator)
        # An alias may be somebody's name, and nothing can be taken out of the log again: that it changed is told, not how.
        plain = {name: value for name, value in changes.items() if name != "alias"}
        told = changes_between({name: getattr(before, name) for name in plain}, plain)
        annotator = change_annotator(session, call.project_no, call.path.annotator, changes)
        record_activity(
            session,
            "annotator_changed",
            actor=call.actor,
            project_id=call.project_no,
            now=call.now,
            annotator=annotator.no,
            changed=sorted(changes),
            **told,
        )
        people = annotator_statistics(session, call.project_no)
    return json_answer(next(one.as_json() for one in people if one.no == annotator.no))


@routes.route(
    "GET",
    f"{PROJECT}/labeling/drift",
    allows=MANAGERS,
    summary="What Label Studio did behind our back, and what nobody could answer",
    answers={200: schemas.DriftAnswer},
)
def get_drift(call: Call) -> ResponseReturnValue:
    """Answers changed or removed by somebody else, forged and invalid ones, tasks that vanished or are not ours."""
    with call.unit_of_work(read_only=True) as session:
        counts = count_drift(session, call.project_no)
        findings = list_drift(session, call.project_no)
        unanswerable = list_unanswerable(session, call.project_no)
    return json_answer({"counts": counts, "findings": findings, "unanswerable": [str(item) for item in unanswerable]})


def _knows_secret(services: Services, path: Any, headers: Mapping[str, str]) -> bool:
    return proves(services.settings, path.project, headers)


@routes.public_route(
    "POST",
    "/v1/webhooks/label-studio/<project>",
    proof=_knows_secret,
    summary="Label Studio's hint that something changed",
    answers={202: None},
    problems=(503,),
)
def post_webhook(call: Call) -> ResponseReturnValue:
    """Nothing of the body is read: it may be lost, doubled or forged. It only makes the next pull come now, once."""
    with call.unit_of_work() as session:
        # One at work may have read past this change; one that waits for it has not.
        if count_running(session, call.project_no, SYNC) < 2:
            enqueue_and_wake(session, SYNC, project_id=call.project_no, coalesce=True)
    return Response(status=202)


def refuse_without_studio(settings: Settings) -> None:
    """Raises StudioMissing where no Label Studio is configured."""
    if not settings.label_studio_url or not settings.label_studio_token.get_secret_value():
        raise StudioMissing(
            "set WINNOW_LABEL_STUDIO_URL and WINNOW_LABEL_STUDIO_TOKEN, or start everything with `winnow up`"
        )


def _answer_of(results: Sequence[LineResult], *, is_minimal: bool) -> dict[str, Any]:
    told = [
        (index, result)
        for index, result in enumerate(results)
        if not is_minimal or result.status is LineStatus.REJECTED
    ]
    return {
        **count_statuses(results),
        "results": [{"index": index, "status": result.status.value, **_errors(result)} for index, result in told],
    }


def _errors(result: LineResult) -> dict[str, Any]:
    if not result.faults:
        return {}
    return {
        "errors": [
            {"pointer": fault.pointer, "reason": fault.reason, "detail": fault.detail} for fault in result.faults
        ]
    }
