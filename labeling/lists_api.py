"""Lists of labeling over HTTP: annotations, and where people disagree; names of nobody, aliases for those who manage."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from foundation.cursors import bad_cursor, page_after, read_cursor
from foundation.errors import Fault, InvalidBody
from foundation.guards import READERS
from foundation.web import Call, Routes, json_answer
from labeling import schemas
from labeling.listing import Disagreement, ListedAnnotation, list_annotations, list_disagreements
from labeling.queries import aliases_of, current_labeling

PAGE = 500
PROJECT = "/v1/projects/<project>"
CURSOR = "the `cursor` of the page before"
LONGEST_SEQ = 18
routes = Routes("labeling_lists", title="Labeling")


@routes.route(
    "GET",
    f"{PROJECT}/annotations",
    allows=READERS,
    summary="Every annotation, in the order in which they came",
    answers={200: schemas.AnnotationsPage},
    problems=(422,),
    query={"item": "only those about this item", "cursor": CURSOR},
)
def get_annotations(call: Call) -> ResponseReturnValue:
    """About items that may be used. Each version of an annotation is one of its own; what counts now is told by answer."""
    item, after = _item(request.args.get("item")), _seq(read_cursor(request.args.get("cursor")))
    with call.unit_of_work(read_only=True) as session:
        found = list_annotations(session, call.project_no, item=item, after=after, limit=PAGE + 1)
        aliases = aliases_of(session, call.project_no) if call.is_manager else {}
    cursor = page_after([str(found[PAGE - 1].seq)]) if len(found) > PAGE else None
    return json_answer({"annotations": [_annotation(one, aliases) for one in found[:PAGE]], "cursor": cursor})


@routes.route(
    "GET",
    f"{PROJECT}/disagreements",
    allows=READERS,
    summary="Items whose people gave different answers",
    answers={200: schemas.DisagreementsPage},
    problems=(422,),
    query={"question": "only those about this question", "cursor": CURSOR},
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
    return json_answer({"disagreements": [_disagreement(one, aliases) for one in found[:PAGE]], "cursor": cursor})


def _annotation(one: ListedAnnotation, aliases: Mapping[int, str]) -> dict[str, Any]:
    return {
        "annotation": one.seq,
        "item": str(one.item),
        **_who(one.annotator, aliases),
        "source": one.source,
        "why_not": one.why_not,
        "answers": [
            {"question": answer.question, "value": answer.value, "counts": answer.counts} for answer in one.answers
        ],
        "selected_by": one.selected_by,
        "guidelines": one.guidelines,
        "lead_time_s": one.lead_time_s,
        "created_at": one.created_at.isoformat(),
        "received_at": one.received_at.isoformat(),
    }


def _disagreement(one: Disagreement, aliases: Mapping[int, str]) -> dict[str, Any]:
    return {
        "item": str(one.item),
        "question": one.question,
        "values": [{"value": value, "n": n} for value, n in one.values],
        "answers": [{**_who(annotator, aliases), "value": value} for annotator, value in one.answers],
    }


def _who(annotator: int, aliases: Mapping[int, str]) -> dict[str, Any]:
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
