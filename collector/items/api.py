"""What is held, over HTTP: projects, items, and the signals of an item."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from collector.items.queries import (
    MAX_SEARCH_CHARS,
    ItemState,
    SeenItem,
    list_items,
    list_projects,
    list_signals,
    read_item,
)
from collector.models import Signal
from foundation.cursors import page_after, read_cursor, read_id_cursor
from foundation.errors import Fault, InvalidBody, NotFound
from foundation.http.guards import READERS
from foundation.http.openapi import CURSOR, UUID_TEXT, Parameter, one_of
from foundation.http.web import Call, Routes, json_answer

PAGE = 100
PROJECT = "/v1/projects/<project>"
routes = Routes("collector_items", title="Items")


class ProjectInList(BaseModel):
    project: str
    revision: int
    created_at: datetime


class ProjectPage(BaseModel):
    projects: list[ProjectInList]
    cursor: str | None


class ItemRead(BaseModel):
    """One content. `ready`: a version may use it; `without_consent`: nobody who sent it agrees to its use now."""

    item: uuid.UUID
    state: ItemState
    content: dict[str, Any]
    signals: int
    revision: int
    created_at: datetime


class ItemPage(BaseModel):
    items: list[ItemRead]
    cursor: str | None


class SignalRead(BaseModel):
    """One observation of an item. Who sent it, and with which device, is not told."""

    signal: uuid.UUID
    item: uuid.UUID
    counts: bool
    captured_at: datetime
    received_at: datetime
    event_time: datetime
    time_quality: str
    revision: int
    context: dict[str, Any]
    extra: dict[str, Any]
    prediction: dict[str, Any] | None


class SignalPage(BaseModel):
    signals: list[SignalRead]
    cursor: str | None


@routes.route(
    "GET",
    "/v1/projects",
    allows=READERS,
    summary="The projects that a key may see",
    answers={200: ProjectPage},
    problems=(422,),
    query=CURSOR,
)
def get_projects(call: Call) -> ResponseReturnValue:
    """An admin key sees all; any other its own."""
    place = read_cursor(request.args.get("cursor"))
    with call.unit_of_work(read_only=True) as session:
        found = list_projects(session, only=call.caller.project_id, after=place[0] if place else "", limit=PAGE + 1)
    rows = [ProjectInList(project=one.name, revision=one.revision, created_at=one.created_at) for one in found[:PAGE]]
    cursor = page_after([found[PAGE - 1].name]) if len(found) > PAGE else None
    return json_answer(ProjectPage(projects=rows, cursor=cursor))


@routes.route(
    "GET",
    f"{PROJECT}/items",
    allows=READERS,
    summary="What is held, a content at a time",
    answers={200: ItemPage},
    problems=(422,),
    query={
        "state": one_of("only items of this state", ItemState, may_be_empty=True),
        "text": Parameter("only contents that have this text; A to Z in any case", {"maxLength": MAX_SEARCH_CHARS}),
        **CURSOR,
    },
)
def get_items(call: Call) -> ResponseReturnValue:
    state, text = _state(request.args.get("state")), _search(request.args.get("text", ""))
    after = read_id_cursor(request.args.get("cursor"))
    with call.unit_of_work(read_only=True) as session:
        found = list_items(session, call.project_no, state=state, text=text, after=after, limit=PAGE + 1)
        rows = [_described(one) for one in found[:PAGE]]
    cursor = page_after([str(rows[-1].item)]) if len(found) > PAGE else None
    return json_answer(ItemPage(items=rows, cursor=cursor))


@routes.route("GET", f"{PROJECT}/items/<item>", allows=READERS, summary="One item", answers={200: ItemRead})
def get_item(call: Call) -> ResponseReturnValue:
    try:
        wanted = uuid.UUID(call.path.item)
    except ValueError:
        raise NotFound("there is no such item here") from None
    with call.unit_of_work(read_only=True) as session:
        return json_answer(_described(read_item(session, call.project_no, wanted)))


@routes.route(
    "GET",
    f"{PROJECT}/signals",
    allows=READERS,
    summary="The signals that carry an item",
    answers={200: SignalPage},
    problems=(422,),
    query={"item": Parameter("the item's id", UUID_TEXT, required=True), **CURSOR},
)
def get_signals(call: Call) -> ResponseReturnValue:
    item, after = _item(request.args.get("item", "")), read_id_cursor(request.args.get("cursor"))
    with call.unit_of_work(read_only=True) as session:
        found = list_signals(session, call.project_no, item, after=after, limit=PAGE + 1)
        rows = [_signal(*one) for one in found[:PAGE]]
    cursor = page_after([str(rows[-1].signal)]) if len(found) > PAGE else None
    return json_answer(SignalPage(signals=rows, cursor=cursor))


def _described(seen: SeenItem) -> ItemRead:
    return ItemRead(
        item=seen.item.id,
        state=seen.state,
        content=seen.item.content,
        signals=seen.n_signals,
        revision=seen.item.revision,
        created_at=seen.item.created_at,
    )


def _signal(signal: Signal, counts: bool) -> SignalRead:
    return SignalRead(
        signal=signal.id,
        item=signal.item_id,
        counts=counts,
        captured_at=signal.captured_at,
        received_at=signal.received_at,
        event_time=signal.event_time,
        time_quality=signal.time_quality,
        revision=signal.revision,
        context=signal.context,
        extra=signal.extra,
        prediction=signal.prediction,
    )


def _state(text: str | None) -> ItemState | None:
    if not text:
        return None
    if text not in tuple(ItemState):
        fault = Fault("?state", "not_in_list", f"must be one of {', '.join(ItemState)}")
        raise InvalidBody("there is no such state of an item", faults=[fault])
    return ItemState(text)


def _search(text: str) -> str:
    if len(text) > MAX_SEARCH_CHARS:
        fault = Fault("?text", "too_long", f"must have at most {MAX_SEARCH_CHARS} characters")
        raise InvalidBody("that is too long to be looked for", faults=[fault])
    return text


def _item(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        reason = "wrong_type" if text else "missing_field"
        raise InvalidBody("name an item", faults=[Fault("?item", reason, "must be an item's id")]) from None
