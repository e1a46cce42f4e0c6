"""The collector over HTTP: projects, signals, people, dead letters."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from flask import request
from flask.typing import ResponseReturnValue

from collector import schemas
from collector.intake.batch import open_batch, open_door, take_in
from collector.intake.dead_letters import list_letters, why_no_replay
from collector.intake.event_time import read_time
from collector.intake.identity import Names, names_of
from collector.intake.reading import read_json, read_ndjson, refuse_cut
from collector.intake.replay import replay_letters
from collector.intake.results import Status, answer_of
from collector.intake.signals import MAX_NAME, Opening, read_consent
from collector.project import parse_project
from collector.project_document import load_document
from collector.queries import count_project, current_file, read_project, read_revision
from collector.service import put_project
from collector.subjects.consent import (
    Lock,
    describe,
    ensure_subjects,
    own_or_claim,
    prove_token,
    record_consent,
    standings_of,
)
from collector.subjects.erasure import describe_erasure, held_token, read_erasure, request_erasure
from collector.tasks import ERASURE
from foundation.cursors import bad_cursor, page_after, read_cursor
from foundation.database import after_commit
from foundation.errors import Fault, Forbidden, InvalidBody, NotFound, PreconditionFailed, Unparseable
from foundation.failpoints import failpoint
from foundation.guards import MANAGERS, READERS, WRITERS
from foundation.keys import Role
from foundation.observability import DROPPED, SIGNALS
from foundation.queue import announce
from foundation.web import JSON, NDJSON, Call, Routes, json_answer, load_json, media_type_among

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
SUBJECT, TOKEN, SENT_AT = "Winnow-Subject", "Winnow-Subject-Token", "Winnow-Sent-At"
TOKEN_CHARS = (32, 128)
PERSON = {
    SUBJECT: "the app's name for the person; never in a path, where logs would keep it",
    TOKEN: "with an app's key: 32 random bytes made by the app, as base64 or hex; the first consent call binds them",
}
PAGE = 100
PROJECT = "/v1/projects/<project>"
KEEPERS = frozenset({Role.BACKEND, Role.MANAGE, Role.ADMIN})

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
    headers={"If-Match": "the revision this file is based on, in quotes; 412 where there is a newer one"},
    problems=(400, 409, 412, 413, 415, 422),
)
def put_project_file(call: Call) -> ResponseReturnValue:
    """A change makes a new revision; signals keep the revision they were accepted under."""
    media_type_among(JSON, *YAML_TYPES)
    if_match = _if_match(call)
    checked = parse_project(load_document(call.read_body()), call.services.sections)
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
        project=put.project, revision=put.revision, breaks=list(put.breaks), not_in_effect=list(put.not_in_effect)
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
    body = {"project": project.name, "revision": project.revision, "file": revision.body, "counts": counts}
    return json_answer(body, ETag=f'"{project.revision}"')


@routes.route(
    "POST",
    f"{PROJECT}/signals",
    allows=WRITERS,
    summary="Send signals",
    takes=schemas.SignalBatch,
    takes_also=(NDJSON,),
    answers={200: schemas.SignalsAnswer},
    headers={
        SENT_AT: "the device's clock at this attempt (RFC 3339, with zone)",
        "Content-Encoding": "gzip or zstd",
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
    batch = (read_ndjson if is_lines else read_json)(body, max_signals=call.settings.max_signals)
    opening = Opening(_names(call), call.caller.key_id, call.now, _sent_at(), call.settings.max_signal_bytes)
    candidates = open_batch(batch, opening)
    if call.is_ingest:
        for subject in {str(candidate.subject_id) for candidate in candidates if candidate.subject_id}:
            call.services.limiter.count_subject(str(call.caller.key_id), subject)
    results = take_in(call.glance, call.unit_of_work, call.project_no, opening, candidates, is_ingest=call.is_ingest)
    failpoint("collector.after_commit")
    answer = answer_of(results, minimal="return=minimal" in request.headers.get("Prefer", ""))
    for status in Status:
        SIGNALS.labels(status.value).inc(answer[status.value])
    for dropped in (dropped for result in results for dropped in result.dropped):
        DROPPED.labels(dropped.place, dropped.reason).inc()
    return json_answer(answer)


@routes.route(
    "PUT",
    f"{PROJECT}/subject/consent",
    allows=WRITERS,
    summary="Record a person's consent or withdrawal",
    takes=schemas.ConsentGiven,
    answers={200: schemas.ConsentStanding},
    headers=PERSON,
    problems=(400, 413, 415, 422, 429, 503),
)
def put_consent(call: Call) -> ResponseReturnValue:
    """The person is named by the header Winnow-Subject; with an app's key, Winnow-Subject-Token proves who asks."""
    media_type_among(JSON)
    faults: list[Fault] = []
    given = read_consent(load_json(call.read_body()), "", faults, received_at=call.now)
    if given is None:
        raise InvalidBody("the consent is malformed", faults=faults)
    subject_id, token = _subject(call), _token(call)
    with call.unit_of_work() as session:
        _, file = current_file(session, call.project_no)
        ensure_subjects(session, call.project_no, [subject_id], privacy=file.privacy)
        if token is not None:
            own_or_claim(session, call.project_no, subject_id, token)
        standing = record_consent(
            session,
            call.project_no,
            subject_id,
            given,
            privacy=file.privacy,
            now=call.now,
            may_lift=True,
            standing=standings_of(session, call.project_no, [subject_id], lock=Lock.FOR_CHANGE).get(subject_id),
        )
    # One given before an erasure is not recorded, and the app must not believe that it holds.
    return json_answer(describe(standing.newest or replace(given, granted=False)))


@routes.route(
    "DELETE",
    f"{PROJECT}/subject",
    allows=WRITERS,
    summary="Erase a person",
    answers={202: schemas.ErasureAccepted},
    headers=PERSON,
    problems=(422, 429, 503),
)
def delete_subject(call: Call) -> ResponseReturnValue:
    """From now on nothing of this person is taken; what is held goes, floor by floor: GET /erasures/{e} says how far it is."""
    subject_id, token = _subject(call), _token(call)
    with call.unit_of_work() as session:
        if token is not None:
            prove_token(held_token(session, call.project_no, subject_id), token)
        erasure = request_erasure(session, call.project_no, subject_id, actor=call.actor, now=call.now)
        after_commit(session, announce, ERASURE)
        erasure_id = str(erasure.id)
    return json_answer({"erasure": erasure_id}, 202)


@routes.route(
    "GET",
    f"{PROJECT}/erasures/<erasure>",
    allows=WRITERS,
    summary="How far an erasure is, and its receipt",
    answers={200: schemas.ErasureRead},
    headers=PERSON,
    problems=(422, 429),
)
def get_erasure(call: Call) -> ResponseReturnValue:
    """With an app's key, Winnow-Subject and Winnow-Subject-Token say whose erasure it is: the token the person left with."""
    with call.unit_of_work(read_only=True) as session:
        erasure = read_erasure(session, call.project_no, uuid_in_path(call.path.erasure))
        token = _token(call)
        if token is not None:
            if erasure.subject_id != _subject(call):
                raise NotFound("there is no such erasure here")
            prove_token(erasure.token_hash, token)
        body = describe_erasure(session, erasure)
    return json_answer(body)


@routes.route(
    "GET",
    f"{PROJECT}/dead-letters",
    allows=MANAGERS,
    summary="What was refused, and why",
    answers={200: schemas.DeadLetterPage},
    problems=(422,),
    query=("cursor",),
)
def get_dead_letters(call: Call) -> ResponseReturnValue:
    after = _letter_after(read_cursor(request.args.get("cursor")))
    with call.unit_of_work(read_only=True) as session:
        letters = list_letters(session, call.project_no, limit=PAGE + 1, after=after)
        rows = [
            schemas.DeadLetterRead(
                id=str(letter.id),
                signal=str(letter.signal_id) if letter.signal_id else None,
                reason=letter.reason,
                pointer=letter.pointer,
                revision=letter.revision,
                received_at=letter.received_at,
                expires_at=letter.expires_at,
                can_replay=letter.body is not None,
                why_no_replay=why_no_replay(letter),
            ).model_dump(mode="json")
            for letter in letters[:PAGE]
        ]
        last = letters[PAGE - 1] if len(letters) > PAGE else None
        cursor = page_after([last.received_at.isoformat(), str(last.id)]) if last else None
    return json_answer({"dead_letters": rows, "cursor": cursor})


@routes.route(
    "POST",
    f"{PROJECT}/dead-letters/replay",
    allows=MANAGERS,
    summary="Try refused signals against the newest revision",
    takes=schemas.ReplayAsked,
    answers={200: schemas.ReplayAnswer},
    problems=(400, 413, 415, 422, 503),
)
def post_replay(call: Call) -> ResponseReturnValue:
    asked = call.body_as(schemas.ReplayAsked)
    ids = None if asked.ids is None else [_id_of_letter(place, text) for place, text in enumerate(asked.ids)]
    with call.unit_of_work() as session:
        door = open_door(session, call.project_no, _names(call), is_ingest=False)
        replayed = replay_letters(session, door, ids=ids, dry_run=asked.dry_run)
    return json_answer({"replayed": replayed.replayed, "still_rejected": replayed.still_rejected})


def uuid_in_path(text: str) -> uuid.UUID:
    """An id from a path; what is none names nothing that exists."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("there is no such thing here") from None


def _letter_after(place: list[str] | None) -> tuple[datetime, uuid.UUID] | None:
    if place is None:
        return None
    try:
        received_at, letter = place
        at, letter_id = read_time(received_at), uuid.UUID(letter)
    except ValueError:
        raise bad_cursor() from None
    if at is None:
        raise bad_cursor()
    return at, letter_id


def _id_of_letter(place: int, text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        fault = Fault(f"/ids/{place}", "wrong_type", "must be the id of a dead letter")
        raise InvalidBody("an id is malformed", faults=[fault]) from None


def _names(call: Call) -> Names:
    return names_of(call.settings.pseudonym_key.get_secret_value(), call.project)


def _subject(call: Call) -> uuid.UUID:
    """The person a call is about; never in a path, where logs would keep the name."""
    subject = request.headers.get(SUBJECT, "")
    if not 0 < len(subject) <= MAX_NAME:
        fault = Fault(SUBJECT, "missing_field", f"is a header of 1 to {MAX_NAME} characters")
        raise InvalidBody(f"name the person in the header {SUBJECT}", faults=[fault])
    if call.is_ingest:
        call.services.limiter.count_subject(str(call.caller.key_id), str(_names(call).subject_id(subject)))
    return _names(call).subject_id(subject)


def _token(call: Call) -> str | None:
    """The proof that an app speaks for this person; keys that never sit in an app need none."""
    if call.caller.role in KEEPERS:
        return None
    token = request.headers.get(TOKEN, "")
    if not TOKEN_CHARS[0] <= len(token) <= TOKEN_CHARS[1]:
        raise Forbidden(f"send {TOKEN}: 32 random bytes made by the app, as base64 or hex", reason="token_missing")
    return token


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
