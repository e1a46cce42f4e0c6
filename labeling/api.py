"""Labeling's calls: labels from elsewhere, what people said, sync now, annotators, and Label Studio's hint."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import orjson
from flask import Response, request
from flask.typing import ResponseReturnValue

from collector.intake.reading import refuse_cut
from foundation.activity import record_activity
from foundation.cursors import bad_cursor, page_after, read_cursor
from foundation.document.changes import changes_between
from foundation.errors import MOST_FAULTS_TOLD, Fault, InvalidBody, errors_as_json, told_of_each
from foundation.http.guards import MANAGERS, READERS
from foundation.http.openapi import CURSOR, JSON, NDJSON, UUID_TEXT, Parameter
from foundation.http.web import Call, Routes, Services, json_answer, media_type_among
from foundation.queue import enqueue_and_wake
from foundation.settings import Settings
from labeling import schemas
from labeling.annotators import annotator_key, change_annotator, find_annotator
from labeling.drift import count_drift, list_drift
from labeling.errors import NothingToLabel, StudioMissing
from labeling.listing import Disagreement, ListedAnnotation, list_annotations, list_disagreements
from labeling.queries import AnnotatorStatistics, aliases_of, annotator_statistics, count_running, list_unanswerable
from labeling.reading import read_list, read_ndjson
from labeling.section import current_labeling
from labeling.service import LINES_AT_ONCE, LineResult, LineStatus, import_annotations
from labeling.tasks import SYNC
from labeling.webhook import proves
from labeling.wishes import ask_for_push

routes = Routes("labeling", title="Labeling")
PROJECT = "/v1/projects/<project>"
PAGE = 500
LONGEST_SEQ = 18


@routes.route(
    "POST",
    f"{PROJECT}/annotations",
    allows=MANAGERS,
    summary="Hand in labels made elsewhere",
    needs_space=True,
    takes=list[schemas.AnnotationSent],
    takes_also=(NDJSON,),
    answers={200: schemas.AnnotationsAnswer},
    problems=(400, 408, 413, 415, 422, 503),
)
def post_annotations(call: Call) -> ResponseReturnValue:
    """A JSON list, or one a line. Idempotent: of one (item, annotator, question) the last counts."""
    is_lines = media_type_among(JSON, NDJSON) == NDJSON
    body = call.read_body()
    if not call.is_body_whole:
        refuse_cut(body, ends_at=b"\n" if is_lines else b"")
    lines = (read_ndjson if is_lines else read_list)(body, most=call.settings.max_annotations)
    del body
    told = _Told(is_minimal="return=minimal" in request.headers.get("Prefer", ""))
    for start in range(0, len(lines), LINES_AT_ONCE):
        with call.unit_of_work() as session:
            part = lines[start : start + LINES_AT_ONCE]
            told.add(import_annotations(session, call.project_no, part, key=annotator_key(call.settings), now=call.now))
    return Response(told.document(), content_type=JSON)


@routes.route(
    "GET",
    f"{PROJECT}/annotations",
    allows=READERS,
    summary="Every annotation, in the order in which they came",
    answers={200: schemas.AnnotationsPage},
    problems=(422,),
    query={"item": Parameter("only those about this item", UUID_TEXT), **CURSOR},
)
def get_annotations(call: Call) -> ResponseReturnValue:
    """About items that may be used. Each version of an annotation is one of its own; what counts now is told by answer."""
    item, after = _item(request.args.get("item")), _seq(read_cursor(request.args.get("cursor")))
    with call.unit_of_work(read_only=True) as session:
        found = list_annotations(session, call.project_no, item=item, after=after, limit=PAGE + 1)
        aliases = aliases_of(session, call.project_no) if call.is_manager else {}
    cursor = page_after([str(found[PAGE - 1].seq)]) if len(found) > PAGE else None
    rows = [_annotation(one, aliases) for one in found[:PAGE]]
    return json_answer(schemas.AnnotationsPage(annotations=rows, cursor=cursor))


@routes.route(
    "GET",
    f"{PROJECT}/disagreements",
    allows=READERS,
    summary="Items whose people gave different answers",
    answers={200: schemas.DisagreementsPage},
    problems=(422,),
    query={"question": "only those about this question", **CURSOR},
)
def get_disagreements(call: Call) -> ResponseReturnValue:
    """Answers that count now, to questions that are measured, about items that may be used."""
    wanted, after = request.args.get("question"), _place(read_cursor(request.args.get("cursor")))
    with call.unit_of_work(read_only=True) as session:
        asked = current_labeling(session, call.project_no)[1].configuration.question_named
        if wanted is not None and wanted not in asked:
            allowed = ", ".join(asked) or "none is asked"
            fault = Fault("?question", "not_in_list", f"must be a question of the project: {allowed}")
            raise InvalidBody("the project asks no such question", faults=[fault])
        questions = list(asked) if wanted is None else [wanted]
        found = list_disagreements(session, call.project_no, questions, after=after, limit=PAGE + 1)
        aliases = aliases_of(session, call.project_no) if call.is_manager else {}
    cursor = page_after([str(found[PAGE - 1].item), found[PAGE - 1].question]) if len(found) > PAGE else None
    rows = [_disagreement(one, aliases) for one in found[:PAGE]]
    return json_answer(schemas.DisagreementsPage(disagreements=rows, cursor=cursor))


@routes.route(
    "POST",
    f"{PROJECT}/sync",
    allows=MANAGERS,
    summary="Push to Label Studio and pull from it now",
    answers={202: schemas.JobAnswer},
    problems=(409, 503),
)
def post_sync(call: Call) -> ResponseReturnValue:
    """The job's result says what was pushed and pulled, and under `standing` what is there now.

    A project with `labeling.push: manual` sends items out only when it is asked to here, or by `labeling sync`.
    """
    refuse_without_studio(call.settings)
    with call.unit_of_work() as session:
        if not current_labeling(session, call.project_no)[1].config:
            raise NothingToLabel("add `labeling: {config: …}` to the project file, then sync")
        ask_for_push(session, call.project_no, now=call.now)
        job = enqueue_and_wake(session, SYNC, project_id=call.project_no, coalesce=True)
        record_activity(session, "sync_asked", actor=call.actor, project_id=call.project_no, now=call.now)
    return json_answer(schemas.JobAnswer(job=job), 202, Location=f"/v1/jobs/{job}")


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
    return json_answer(schemas.AnnotatorsAnswer(annotators=[_annotator(one) for one in people]))


@routes.route(
    "GET",
    f"{PROJECT}/annotators/<annotator>",
    allows=MANAGERS,
    summary="One annotator",
    answers={200: schemas.AnnotatorRead},
)
def get_annotator(call: Call) -> ResponseReturnValue:
    """By number, by alias, or by the e-mail address or name under which they answer: so an address leads to its alias."""
    with call.unit_of_work(read_only=True) as session:
        key = annotator_key(call.settings)
        no = find_annotator(session, call.project_no, call.path.annotator, key=key).no
        people = annotator_statistics(session, call.project_no)
    return json_answer(next(_annotator(one) for one in people if one.no == no))


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
    """What is left out stays. What somebody answers in Label Studio while `state` is not `active` is kept and does not count.

    Label Studio itself is not told: in its community edition nobody can be paused. Labels handed in by `POST /annotations`
    count whatever the state: who hands them in vouches for them. `role` has no effect yet.
    """
    wish = call.body_as(schemas.AnnotatorPut)
    with call.unit_of_work() as session:
        changes = wish.model_dump(mode="json", exclude_none=True)
        key = annotator_key(call.settings)
        before = find_annotator(session, call.project_no, call.path.annotator, key=key)
        # An alias may be somebody's name, and nothing can be taken out of the log again: that it changed is told, not how.
        plain = {name: value for name, value in changes.items() if name != "alias"}
        told = changes_between({name: getattr(before, name) for name in plain}, plain)
        annotator = change_annotator(session, call.project_no, call.path.annotator, changes, key=key, now=call.now)
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
    return json_answer(next(_annotator(one) for one in people if one.no == annotator.no))


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
    return json_answer(schemas.DriftAnswer(counts=counts, findings=findings, unanswerable=unanswerable))


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


class _Told:
    """The answer to annotations, written as they are stored: as objects a hundred thousand results would be large.

    Which mistakes of a line are told depends on the later lines: the first ones wait with what was written between them.
    """

    def __init__(self, *, is_minimal: bool) -> None:
        self._is_minimal = is_minimal
        self._counts: Counter[str] = Counter({status.value: 0 for status in LineStatus})
        self._written = [BytesIO()]
        self._waiting: list[tuple[int, LineResult]] = []
        self._n_faults = 0

    def add(self, results: Sequence[LineResult]) -> None:
        for index, result in enumerate(results, self._counts.total()):
            self._n_faults += len(result.faults)
            if result.faults and len(self._waiting) < MOST_FAULTS_TOLD:
                self._waiting.append((index, result))
                self._written.append(BytesIO())
            elif result.status is LineStatus.REJECTED or not self._is_minimal:
                self._written[-1].write(_row(index, result, told=0))
        self._counts.update(result.status.value for result in results)

    def document(self) -> list[bytes]:
        shown = told_of_each([result.faults for _, result in self._waiting])
        rows = [self._written[0].getvalue()]
        for (index, result), told, written in zip(self._waiting, shown, self._written[1:], strict=True):
            rows += [_row(index, result, told=told), written.getvalue()]
        more = self._n_faults - sum(shown)
        counts = orjson.dumps({**self._counts, **({"errors_more": more} if more else {})})
        return [counts[:-1] + b',"results":[', b"".join(rows)[1:], b"]}\n"]


def _row(index: int, result: LineResult, *, told: int) -> bytes:
    """One result behind a comma."""
    return b"," + orjson.dumps({"index": index, "status": result.status.value, **errors_as_json(result.faults, told)})


def _annotation(one: ListedAnnotation, aliases: Mapping[int, str]) -> schemas.AnnotationRead:
    return schemas.AnnotationRead(
        annotation=one.seq,
        item=one.item,
        **_who(one.annotator, aliases),
        source=one.source,
        why_not=one.why_not,
        answers=[
            schemas.AnswerRead(question=answer.question, value=answer.value, counts=answer.counts)
            for answer in one.answers
        ],
        selected_by=one.selected_by,
        guidelines=one.guidelines,
        lead_time_s=one.lead_time_s,
        created_at=one.created_at,
        received_at=one.received_at,
    )


def _disagreement(one: Disagreement, aliases: Mapping[int, str]) -> schemas.DisagreementRead:
    return schemas.DisagreementRead(
        item=one.item,
        question=one.question,
        values=[schemas.ValueCount(value=value, n=n) for value, n in one.values],
        answers=[schemas.Voter(**_who(annotator, aliases), value=value) for annotator, value in one.answers],
    )


def _annotator(one: AnnotatorStatistics) -> schemas.AnnotatorRead:
    return schemas.AnnotatorRead.model_validate(one.as_json())


def _who(annotator: int, aliases: Mapping[int, str]) -> dict[str, Any]:
    """Somebody's number, and their alias for those who may know it."""
    return {"annotator": annotator, **({"alias": aliases[annotator]} if annotator in aliases else {})}


def _item(written: str | None) -> uuid.UUID | None:
    if written is None:
        return None
    try:
        return uuid.UUID(written)
    except ValueError:
        fault = Fault("?item", "wrong_type", "must be a UUID")
        raise InvalidBody("the item is not named by a UUID", faults=[fault]) from None


def _seq(place: list[str] | None) -> int:
    if place is None:
        return 0
    if len(place) != 1 or not (place[0].isascii() and place[0].isdigit()) or len(place[0]) > LONGEST_SEQ:
        raise bad_cursor()
    return int(place[0])


def _place(place: list[str] | None) -> tuple[uuid.UUID, str] | None:
    if place is None:
        return None
    try:
        item, question = place
        return uuid.UUID(item), question
    except ValueError:
        raise bad_cursor() from None
