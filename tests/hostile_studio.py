"""A Label Studio that answers anything: each behaviour by its name, played over the one in memory.

`ROWS` spoil one task in every list it stands in; `ANSWERS` take the place of whole answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fakes import FakeLabelStudio

HOST = "studio.test"
HUGE_BYTES = 100 * 1024 * 1024
CHUNK = b" " * (1024 * 1024)
Spoil = Callable[[dict[str, Any], list[Any]], Any]
"""Changes a task's row, or gives another one for it; the second argument: all rows of the answer."""
Respond = Callable[[httpx.Request], httpx.Response]


@dataclass
class HostileStudio:
    """Plays behaviours over a true one, and keeps to whom which token was sent."""

    fake: FakeLabelStudio
    told: set[tuple[str, str, int | None]] = field(default_factory=set)
    """Scheme, host and port of everybody who saw an Authorization header."""
    _spoil: tuple[int, Spoil] | None = None
    _respond: Respond | None = None

    @property
    def transport(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self._answer)

    @contextmanager
    def spoiling(self, task: int, spoil: Spoil) -> Iterator[None]:
        """While it lasts, every list shows this task spoiled."""
        self._spoil = (task, spoil)
        yield
        self._spoil = None

    @contextmanager
    def answering(self, respond: Respond) -> Iterator[None]:
        """While it lasts, every call is answered so."""
        self._respond = respond
        yield
        self._respond = None

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if "Authorization" in request.headers:
            self.told.add((request.url.scheme, request.url.host, request.url.port))
        if self._respond is not None:
            return self._respond(request)
        answer = self.fake.transport.handle_request(request)
        if self._spoil is None or request.url.path != "/api/tasks/" or answer.status_code != 200:
            return answer
        task, spoil = self._spoil
        listed = json.loads(answer.read())
        rows = listed["tasks"]
        listed["tasks"] = [_or_itself(spoil(row, rows), row) if row["id"] == task else row for row in rows]
        return httpx.Response(200, content=json.dumps(listed).encode())


def _or_itself(given: Any, row: dict[str, Any]) -> Any:
    return row if given is None else given


def put(name: str, value: Any) -> Spoil:
    """A member of the task has this value."""

    def spoil(row: dict[str, Any], _: list[Any]) -> None:
        row[name] = value

    return spoil


def drop(name: str) -> Spoil:
    def spoil(row: dict[str, Any], _: list[Any]) -> None:
        row.pop(name, None)

    return spoil


def instead(value: Any) -> Spoil:
    """Something else stands where the task should."""
    return lambda _row, _rows: value


def annotated(name: str, value: Any) -> Spoil:
    """A member of the task's first annotation has this value."""

    def spoil(row: dict[str, Any], _: list[Any]) -> None:
        for annotation in row.get("annotations", [])[:1]:
            annotation[name] = value

    return spoil


def annotated_without(name: str) -> Spoil:
    def spoil(row: dict[str, Any], _: list[Any]) -> None:
        for annotation in row.get("annotations", [])[:1]:
            annotation.pop(name, None)

    return spoil


def same_annotation_twice(row: dict[str, Any], _: list[Any]) -> None:
    for annotation in row.get("annotations", [])[:1]:
        row["annotations"].append({**annotation, "result": []})


def stands_twice(row: dict[str, Any], rows: list[Any]) -> None:
    """The list has it once more, with other annotations."""
    if sum(1 for one in rows if one.get("id") == row["id"]) == 1:
        rows.append({**row, "annotations": []})


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


UNREADABLE: dict[str, Spoil] = {
    "a number beyond 64 bits": put("id", 2**70),
    "a number beyond 63 bits": put("id", 2**63),
    "a number beyond 31 bits": put("id", 2**31),
    "a negative number": put("id", -7),
    "the number nought": put("id", 0),
    "a number as text": put("id", "3"),
    "a number as float": put("id", 3.0),
    "a number as boolean": put("id", True),
    "a number as list": put("id", [3]),
    "no number": drop("id"),
    "a null for a number": put("id", None),
    "no time": drop("updated_at"),
    "a time as number": put("updated_at", 1_700_000_000),
    "a time that is none": put("updated_at", "yesterday"),
    "a time without zone": put("updated_at", "2026-11-22T08:00:00"),
    "a time of the year 1": put("updated_at", "0001-01-01T00:00:00+14:00"),
    "a time of the year 9999": put("updated_at", "9999-12-31T23:59:59.999999Z"),
    "no annotations": drop("annotations"),
    "null for annotations": put("annotations", None),
    "an object for annotations": put("annotations", {}),
    "annotations that are numbers": put("annotations", [7]),
    "no content": drop("data"),
    "a text for content": put("data", "text 0"),
    "finished as text": put("is_labeled", "no"),
    "an overlap beyond 64 bits": put("overlap", 2**70),
    "a negative overlap": put("overlap", -1),
    "an annotation beyond 64 bits": annotated("id", 2**70),
    "an annotation's number as text": annotated("id", "1"),
    "an annotation's number as float": annotated("id", 1.5),
    "an annotation's number as boolean": annotated("id", True),
    "an annotation without number": annotated_without("id"),
    "an annotation twice in a task": same_annotation_twice,
    "a task twice in a list": stands_twice,
    "an author as text": annotated("completed_by", "admin"),
    "an author beyond 64 bits": annotated("completed_by", {"id": 2**70}),
    "an author as boolean": annotated("completed_by", True),
    "a writer as float": annotated("updated_by", 1.0),
    "skipped as text": annotated("was_cancelled", "false"),
    "an annotation without time": annotated_without("updated_at"),
    "an annotation's birth that is no time": annotated("created_at", "long ago"),
    "a list for a task": instead([]),
    "a text for a task": instead("task"),
    "a number for a task": instead(7),
}
"""What makes one task unreadable, and no other."""

ODD: dict[str, Spoil] = {
    "a time in 2099": put("updated_at", "2099-01-01T00:00:00Z"),
    "a result nested 900 deep": annotated("result", nested(900)),
    "a result nested 300 deep": annotated("result", [{"from_name": "mood", "value": nested(300)}]),
    "no result": annotated_without("result"),
    "a text for a result": annotated("result", "good"),
    "an object for a result": annotated("result", {"from_name": "mood"}),
    "regions that are none": annotated("result", [None, 7, [], {"from_name": ["mood"]}]),
    "a rating beyond 64 bits": annotated(
        "result", [{"from_name": "stars", "to_name": "t", "type": "rating", "value": {"rating": 2**80}}]
    ),
    "an author who is nobody": annotated("completed_by", 999_999),
    "nobody for an author": annotated("completed_by", None),
    "a lead time as text": annotated("lead_time", "quick"),
    "a lead time beyond all": annotated("lead_time", 1e308),
    "a writer of the task as junk": put("updated_by", ["x"]),
}
"""What leaves the task readable: at worst one annotation of it does not count."""


def _answer(status: int = 200, content: bytes | str = b"", **headers: str) -> Respond:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, content=content, headers=named)


def _raise(error: Exception) -> Respond:
    def respond(_: httpx.Request) -> httpx.Response:
        raise error

    return respond


def huge(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=(CHUNK for _ in range(HUGE_BYTES // len(CHUNK))))


def repeated_for_ever(request: httpx.Request) -> httpx.Response:
    """As many rows as were asked for, always the same, and always more to come."""
    size = int(request.url.params.get("page_size", 100))
    row = {"updated_at": "2026-11-22T08:00:00Z", "data": {}, "annotations": [], "description": ""}
    rows = [{**row, "id": n + 1, "updated_at": f"2026-11-22T08:00:{n % 2:02}Z"} for n in range(size)]
    return httpx.Response(200, json={"tasks": rows, "results": rows, "next": "more", "id": 1})


def without_times_for_ever(request: httpx.Request) -> httpx.Response:
    size = int(request.url.params.get("page_size", 100))
    return httpx.Response(200, json={"tasks": [{}] * size, "results": [{}] * size, "next": "more", "id": 1})


HTML = "<!doctype html><html><body>Welcome</body></html>"
ANSWERS: dict[str, Respond] = {
    "HTML with 200": _answer(content=HTML, Content_Type="text/html"),
    "nothing with 200": _answer(),
    "an empty object": _answer(content=b"{}"),
    "an empty list": _answer(content=b"[]"),
    "null": _answer(content=b"null"),
    "a number": _answer(content=b"7"),
    "a list of lists": _answer(content=b"[[[]], [7]]"),
    "truncated JSON": _answer(content=b'{"tasks": [{"id"'),
    "JSON nested 100,000 deep": _answer(content=b"[" * 100_000),
    "a number of 10,000 digits": _answer(content=b'{"id": ' + b"9" * 10_000 + b"}"),
    "not a number": _answer(content=b'{"id": NaN, "tasks": [NaN]}'),
    "not UTF-8": _answer(content=b'{"id": "\xff\xfe"}'),
    "100 MB": huge,
    "three million lists": _answer(content=b"[" + b"[]," * 3_000_000 + b"[]]"),
    "packed without being asked": _answer(content=b"x", Content_Encoding="zstd"),
    "the same page for ever": repeated_for_ever,
    "rows without anything for ever": without_times_for_ever,
    "errors of other types": _answer(400, b'{"validation_errors": 7, "detail": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "400 with HTML": _answer(400, HTML),
    "401": _answer(401, b'{"detail": "Invalid token."}'),
    "403": _answer(403, HTML),
    "404 for all": _answer(404, HTML),
    "409": _answer(409, b"{}"),
    "429 at once": _answer(429, Retry_After="0"),
    "429 for a century": _answer(429, Retry_After="3155760000"),
    "429 till a date": _answer(429, Retry_After="Fri, 31 Dec 2099 23:59:59 GMT"),
    "429 with junk": lambda _: httpx.Response(429, headers=[(b"Retry-After", b"\xb2")]),
    "500": _answer(500, HTML),
    "502": _answer(502, HTML),
    "503": _answer(503, Retry_After="-1"),
    "sent to another host": _answer(302, Location="http://evil.test/api/"),
    "sent to another port": _answer(307, Location=f"http://{HOST}:8443/api/"),
    "sent to another scheme": _answer(308, Location=f"https://{HOST}/api/"),
    "sent without a place": _answer(301),
    "cut": _raise(httpx.ReadError("cut")),
    "too slow": _raise(httpx.ReadTimeout("slow")),
    "refused": _raise(httpx.ConnectError("refused")),
    "not HTTP": _raise(httpx.RemoteProtocolError("what?")),
}
"""What comes in the place of every answer."""
