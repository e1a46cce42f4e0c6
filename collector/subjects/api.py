"""People over HTTP: what they agreed to, all that is held on them, and that it is gone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from collector import schemas
from collector.intake.identity import MAX_NAME, Names, names_of
from collector.models import Claim, ErasureState
from collector.queries import current_file
from collector.subjects.consent import (
    GivenBy,
    describe,
    ensure_subject,
    record_consents,
    standings_of,
)
from collector.subjects.consent_document import read_consent
from collector.subjects.erasure import (
    describe_erasure,
    describe_erasures,
    list_erasures,
    read_erasure,
    request_erasure,
)
from collector.subjects.headers import SUBJECT, TOKEN, read_subject, read_token
from collector.subjects.proof import (
    TokenMismatch,
    contest,
    held_back_from,
    held_token,
    own_or_claim,
    prove_token,
    vouch,
)
from collector.subjects.record import find_person, ground_for, record_of
from foundation.cursors import page_after_moment, read_moment
from foundation.errors import Fault, Faults, Forbidden, InvalidBody, NotFound
from foundation.http.guards import MANAGERS, WRITERS
from foundation.http.keys import Role
from foundation.http.openapi import CURSOR, JSON, Parameter, one_of
from foundation.http.web import Call, Routes, json_answer, load_json, media_type_among

NAME: dict[str, Any] = {"minLength": 1, "maxLength": MAX_NAME, "pattern": r"\S"}
PERSON: dict[str, str | Parameter] = {
    SUBJECT: Parameter(
        "the app's name for the person, where it is not plain ASCII as UTF-8''J%C3%BCrgen (RFC 8187); never in a path",
        NAME,
        required=True,
    ),
    TOKEN: "with an app's key: 32 random bytes made by the app, as base64 or hex; the first consent call binds them",
}
PAGE = 100
MOST_BYTES = 1 << 16
"""A consent has some hundred bytes."""
UNCACHED = "no-store"
PROJECT = "/v1/projects/<project>"
KEEPERS = frozenset({Role.BACKEND, Role.MANAGE, Role.ADMIN})

routes = Routes("subjects", title="People")


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
    """The person is named by the header Winnow-Subject; with an app's key, Winnow-Subject-Token proves who asks.

    With a backend, manage or admin key Winnow-Subject-Token may come along, and the name is bound to it from now on, whatever
    it was bound to: whose name it is, the app's own backend knows.
    """
    media_type_among(JSON)
    faults = Faults()
    given = read_consent(load_json(call.read_body(most_bytes=MOST_BYTES)), "", faults, received_at=call.now)
    if given is None:
        raise InvalidBody("the consent is malformed", faults=faults)
    subject_id, token = _subject(call), _token(call)
    with _other_claims_remembered(call, subject_id), call.unit_of_work() as session:
        _, file = current_file(session, call.project_no)
        is_new = ensure_subject(session, call.project_no, subject_id, privacy=file.privacy)
        if token is not None:
            own_or_claim(session, call.project_no, subject_id, token, is_new=is_new)
        elif (vouched := read_token(request.headers.get(TOKEN))) is not None:
            vouch(session, call.project_no, subject_id, vouched, actor=call.actor, now=call.now)
        held = standings_of(session, call.project_no, [subject_id], for_change=True)
        given_by = GivenBy(subject_id, given, proven=True)
        standing = record_consents(
            session, call.project_no, [given_by], held, privacy=file.privacy, now=call.now, may_lift=True
        )[subject_id]
    # One given before an erasure is not recorded, and the app must not believe that it holds.
    shown = standing.newest or replace(given, granted=False)
    if call.is_ingest and standing.claim is Claim.CONTESTED:  # the newest may be somebody else's
        shown = replace(given, granted=shown.granted)
    return json_answer(schemas.ConsentStanding.model_validate(describe(shown)))


@routes.route(
    "GET",
    f"{PROJECT}/subject/consent",
    allows=WRITERS,
    summary="What a person agreed to, and what it covers",
    answers={200: schemas.ConsentRecord},
    headers=PERSON,
    problems=(422, 429, 503),
)
def get_consent(call: Call) -> ResponseReturnValue:
    """With an app's key, Winnow-Subject-Token proves who asks."""
    subject_id = _proven_subject(call)
    with call.unit_of_work(read_only=True) as session:
        held_back = held_back_from(session, call.project_no, subject_id, is_app=call.is_ingest)
        ground = ground_for(session, call.project_no, subject_id, held_back=held_back)
    record = schemas.ConsentRecord(subject=str(subject_id), **ground.as_json())
    return json_answer(record, Cache_Control=UNCACHED)


@routes.route(
    "GET",
    f"{PROJECT}/subject",
    allows=WRITERS,
    summary="All that is held on a person",
    answers={200: schemas.SubjectRecord},
    headers=PERSON,
    problems=(422, 429, 503),
)
def get_subject(call: Call) -> ResponseReturnValue:
    """What is held, on what ground, and who got it. A stream: however much it is, it comes as one JSON document."""
    subject_id = _proven_subject(call)
    person = find_person(call.services.database, call.project_no, subject_id, is_app=call.is_ingest)
    stream = record_of(person, call.services.records, project=call.project, now=call.now)
    response = Response(stream, content_type=JSON)
    response.headers["Cache-Control"] = UNCACHED
    return response


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
    with _other_claims_remembered(call, subject_id), call.unit_of_work() as session:
        if token is not None:
            prove_token(held_token(session, call.project_no, subject_id), token)
        erasure = request_erasure(session, call.project_no, subject_id, actor=call.actor, now=call.now)
        body = schemas.ErasureAccepted(erasure=str(erasure.id), subject=str(subject_id), held=bool(erasure.held))
    return json_answer(body, 202)


@routes.route(
    "GET",
    f"{PROJECT}/erasures",
    allows=MANAGERS,
    summary="All erasures, the newest first",
    answers={200: schemas.ErasurePage},
    headers={SUBJECT: Parameter("only those of this person", NAME)},
    problems=(422,),
    query={"status": one_of("only those of this status", ErasureState), **CURSOR},
)
def get_erasures(call: Call) -> ResponseReturnValue:
    """`status` is received, running, completed or failed; the header Winnow-Subject asks for one person's."""
    before, state = read_moment(request.args.get("cursor")), _state(request.args.get("status"))
    subject_id = _subject(call) if SUBJECT in request.headers else None
    with call.unit_of_work(read_only=True) as session:
        found = list_erasures(
            session, call.project_no, limit=PAGE + 1, before=before, state=state, subject_id=subject_id
        )
        described = describe_erasures(session, found[:PAGE], with_reason=True)
        rows = [schemas.ErasureRead.model_validate(one) for one in described]
    last = found[PAGE - 1] if len(found) > PAGE else None
    cursor = page_after_moment(last.requested_at, last.id) if last else None
    return json_answer(schemas.ErasurePage(erasures=rows, cursor=cursor))


@routes.route(
    "GET",
    f"{PROJECT}/erasures/<erasure>",
    allows=WRITERS,
    summary="How far an erasure is, and its receipt",
    answers={200: schemas.ErasureRead},
    headers={**PERSON, SUBJECT: Parameter("whose erasure it is; needed with an app's key", NAME)},
    problems=(422, 429),
)
def get_erasure(call: Call) -> ResponseReturnValue:
    """With an app's key, Winnow-Subject and Winnow-Subject-Token say whose erasure it is: the token the person left with.

    Whoever names the person gets the erasure only if it is theirs: a receipt for another name is a 404.
    """
    with call.unit_of_work(read_only=True) as session:
        erasure = read_erasure(session, call.project_no, uuid_in_path(call.path.erasure))
        token = _token(call)
        if (token is not None or SUBJECT in request.headers) and erasure.subject_id != _subject(call):
            raise NotFound("there is no such erasure here")
        if token is not None:
            prove_token(erasure.token_hash, token)
        described = describe_erasure(session, erasure, with_reason=call.caller.role in MANAGERS)
        body = schemas.ErasureRead.model_validate(described)
    return json_answer(body)


def uuid_in_path(text: str) -> uuid.UUID:
    """An id from a path; what is none names nothing that exists."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("there is no such thing here") from None


def _subject(call: Call) -> uuid.UUID:
    """The person a call is about; never in a path, where logs would keep the name."""
    subject_id = _names(call).subject_id(read_subject(request.headers.get(SUBJECT, "")))
    if call.is_ingest:
        call.services.limiter.count_subject(str(call.caller.key_id), str(subject_id))
    return subject_id


def _proven_subject(call: Call) -> uuid.UUID:
    """The person a call reads about. An app's key without their token learns nothing, not even whether they are known."""
    subject_id, token = _subject(call), _token(call)
    if token is not None:
        with _other_claims_remembered(call, subject_id), call.unit_of_work(read_only=True) as session:
            prove_token(held_token(session, call.project_no, subject_id), token)
    return subject_id


def _state(text: str | None) -> ErasureState | None:
    if text is None:
        return None
    try:
        return ErasureState(text)
    except ValueError:
        fault = Fault("?status", "wrong_value", f"must be one of {', '.join(ErasureState)}")
        raise InvalidBody("there is no such status", faults=[fault]) from None


def _token(call: Call) -> str | None:
    """The proof that an app speaks for this person; keys that never sit in an app need none."""
    if call.caller.role in KEEPERS:
        return None
    token = read_token(request.headers.get(TOKEN))
    if token is None:
        raise Forbidden(f"send {TOKEN}: 32 random bytes made by the app, as base64 or hex", reason="token_missing")
    return token


@contextmanager
def _other_claims_remembered(call: Call, subject_id: uuid.UUID) -> Iterator[None]:
    """Whoever comes with another token speaks in this name, too: that is kept, though the call is refused."""
    try:
        yield
    except TokenMismatch:
        with call.unit_of_work() as session:
            contest(session, call.project_no, [subject_id])
        raise


def _names(call: Call) -> Names:
    return names_of(call.settings.pseudonym_key.get_secret_value(), call.project)
