"""The collector over HTTP: projects, signals, dead letters; people stand in `subjects/api.py`."""

from __future__ import annotations

import uuid
from datetime import datetime

from flask import request
from flask.typing import ResponseReturnValue

from collector import schemas
from collector.intake.batch import take_in
from collector.intake.dead_letters import list_letters, why_no_replay
from collector.intake.door import open_door
from collector.intake.heading import Arrival, Opening, people_of, read_headings
from collector.intake.identity import Names, names_of
from collector.intake.reading import read_json, read_ndjson, refuse_cut
from collector.intake.replay import replay_letters
from collector.intake.results import Status, answer_of
from collector.project import parse_project
from collector.project_document import MOST_BYTES, load_document
from collector.queries import AtTheDoor, count_project, read_project, read_revision
from collector.service import put_project
from collector.subjects.headers import TOKEN, read_token
from collector.subjects.proof import Speaker, speaker_of
from collector.written_times import read_time
from foundation.cursors import page_after_moment, read_moment
from foundation.errors import Fault, InvalidBody, PreconditionFailed, Unparseable
from foundation.failpoints import failpoint
from foundation.http.guards import MANAGERS, READERS, WRITERS
from foundation.http.openapi import CURSOR, JSON, NDJSON, Parameter, one_of
from foundation.http.web import Call, Routes, json_answer, media_type_among, plain_answer
from foundation.observability import DROPPED, SIGNALS
from foundation.reasons import Reason

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
SENT_AT = "Winnow-Sent-At"
PAGE = 100
PROJECT = "/v1/projects/<project>"


routes = Routes("collector", title="Collector")


@routes.route(
    "PUT",
    PROJECT,
    allows=MANAGERS,
    may_be_missing=True,
    summary="Make a project, or revise it",
    takes=schemas.ProjectFileSent,
    takes_also=YAML_TYPES,
    answers={200: schemas.ProjectPut, 201: schemas.ProjectPut},
    needs_space=True,
    headers={
        "If-Match": Parameter(
            "the revision this file is based on, in quotes; 412 where there is a newer one",
            {"pattern": r'^(W/)?"?[0-9]{1,9}"?$|^\*$'},
        )
    },
    problems=(400, 409, 412, 413, 415, 422, 503),
)
def put_project_file(call: Call) -> ResponseReturnValue:
    """A change makes a new revision; signals keep the revision they were accepted under."""
    media_type_among(JSON, *YAML_TYPES)
    if_match = _if_match(call)
    checked = parse_project(load_document(call.read_body(most_bytes=MOST_BYTES)), call.services.sections)
    with call.unit_of_work() as session:
        put = put_project(
            session,
            call.project,
            checked,
            sections=call.services.sections,
            actor=call.actor,
            now=call.now,
            if_match=if_match,
        )
    body = schemas.ProjectPut(
        project=put.project,
        revision=put.revision,
        breaks=list(put.breaks),
        not_in_effect=list(put.instead),
        instead=dict(put.instead),
    )
    return json_answer(body, 201 if put.is_new else 200, ETag=f'"{put.revision}"')


@routes.route(
    "GET", PROJECT, allows=READERS, summary="The project file and what is held", answers={200: schemas.ProjectRead}
)
def get_project_file(call: Call) -> ResponseReturnValue:
    with call.unit_of_work(read_only=True) as session:
        project = read_project(session, call.project_no)
        revision = read_revision(session, call.project_no, project.revision)
        counts = count_project(session, call.project_no)
        for counter in call.services.counters:
            counts.update(counter(session, call.project_no))
    body = schemas.ProjectRead(
        project=project.name,
        revision=project.revision,
        file=revision.body,
        counts=schemas.ProjectCounts.model_validate(counts),
    )
    return json_answer(body, ETag=f'"{project.revision}"')


@routes.route(
    "POST",
    f"{PROJECT}/signals",
    allows=WRITERS,
    summary="Send signals",
    needs_space=True,
    takes=schemas.SignalBatch | schemas.SignalSent,
    takes_also=(NDJSON,),
    answers={200: schemas.SignalsAnswer},
    headers={
        SENT_AT: Parameter("the device's clock at this attempt (RFC 3339, with zone)", {"format": "rfc3339"}),
        TOKEN: "with an app's key, in a batch of one person: the token that their name is bound to, or will be",
        "Content-Encoding": one_of("how the body is packed", ("identity", "gzip", "zstd")),
        "Prefer": "return=minimal leaves out of the results what is plainly accepted",
    },
    problems=(400, 408, 413, 415, 422, 429, 503),
)
def post_signals(call: Call) -> ResponseReturnValue:
    """One signal, an envelope, or one a line. The answer names the fate of each, in the order sent."""
    is_lines = media_type_among(JSON, NDJSON) == NDJSON
    body = call.read_body()
    if not call.is_body_whole:
        refuse_cut(body, ends_at=b"\n" if is_lines else b"")
    batch = (read_ndjson if is_lines else read_json)(
        body, max_signals=call.settings.max_signals, max_signal_bytes=call.settings.max_signal_bytes
    )
    del body  # what it says is decoded: held beside that, it would be there twice
    token = read_token(request.headers.get(TOKEN)) if call.is_ingest else None
    arrival = Arrival(call.caller.key_id, call.now, _sent_at())
    opening = Opening(_names(call), arrival, call.settings.max_signal_bytes)
    headings = read_headings(batch, opening)
    if call.is_ingest:
        for subject in people_of(headings):
            call.services.limiter.count_subject(str(call.caller.key_id), str(subject))
    found = AtTheDoor(*call.project_facts)
    speaker = speaker_of(is_app=call.is_ingest, token=token)
    results = take_in(call.services.database, call.project_no, found, opening, headings, speaker=speaker)
    failpoint("collector.after_commit")
    answer = answer_of(results, minimal="return=minimal" in request.headers.get("Prefer", ""))
    for status in Status:
        SIGNALS.labels(status.value).inc(answer[status.value])
    for (place, reason), n in (kind for result in results for kind in result.dropped.counts.items()):
        DROPPED.labels(place, reason).inc(n)
    return plain_answer(answer)


@routes.route(
    "GET",
    f"{PROJECT}/dead-letters",
    allows=MANAGERS,
    summary="What was refused, and why",
    answers={200: schemas.DeadLetterPage},
    problems=(422,),
    query=CURSOR,
)
def get_dead_letters(call: Call) -> ResponseReturnValue:
    after = read_moment(request.args.get("cursor"))
    with call.unit_of_work(read_only=True) as session:
        letters = list_letters(session, call.project_no, limit=PAGE + 1, after=after)
        rows = [
            schemas.DeadLetterRead(
                id=str(letter.id),
                signal=str(letter.signal_id) if letter.signal_id else None,
                reason=Reason(letter.reason),
                pointer=letter.pointer,
                revision=letter.revision,
                received_at=letter.received_at,
                expires_at=letter.expires_at,
                can_replay=letter.body is not None,
                why_no_replay=why_no_replay(letter),
            )
            for letter in letters[:PAGE]
        ]
        last = letters[PAGE - 1] if len(letters) > PAGE else None
        cursor = page_after_moment(last.received_at, last.id) if last else None
    return json_answer(schemas.DeadLetterPage(dead_letters=rows, cursor=cursor))


@routes.route(
    "POST",
    f"{PROJECT}/dead-letters/replay",
    allows=MANAGERS,
    summary="Try refused signals against the newest revision",
    needs_space=True,
    takes=schemas.ReplayAsked,
    answers={200: schemas.ReplayAnswer},
    problems=(400, 413, 415, 422, 503),
)
def post_replay(call: Call) -> ResponseReturnValue:
    asked = call.body_as(schemas.ReplayAsked)
    ids = None if asked.ids is None else [_id_of_letter(place, text) for place, text in enumerate(asked.ids)]
    with call.glance() as session:
        door = open_door(session, call.project_no, _names(call), speaker=Speaker(is_app=False), read=call.glance)
    replayed = replay_letters(call.glance, call.unit_of_work, door, ids=ids, dry_run=asked.dry_run)
    return json_answer(schemas.ReplayAnswer(replayed=replayed.replayed, still_rejected=replayed.still_rejected))


def _id_of_letter(place: int, text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        fault = Fault(f"/ids/{place}", "wrong_type", "must be the id of a dead letter")
        raise InvalidBody("an id is malformed", faults=[fault]) from None


def _names(call: Call) -> Names:
    return names_of(call.settings.pseudonym_key.get_secret_value(), call.project)


def _sent_at() -> datetime | None:
    text = request.headers.get(SENT_AT)
    if text is None:
        return None
    sent_at = read_time(text)
    if sent_at is None:
        raise Unparseable(f"{SENT_AT} must be a time with zone (RFC 3339)", reason="wrong_type")
    return sent_at


def _if_match(call: Call) -> int | None:
    """The revision asked for. A proxy that packs answers marks their ETag as weak; it is the same revision."""
    text = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if text == "*" and call.project_id is None:
        raise PreconditionFailed("there is no such project yet: send without If-Match to make it")
    if not text or text == "*":
        return None
    if not text.isascii() or not text.isdigit():
        raise Unparseable('If-Match must be a revision in quotes, such as "4"', reason="wrong_type")
    return int(text)
