"""Answers one hostile body in this process and prints what that took: run by `test_memory.py`, a fresh process for each."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from foundation.http.wsgi_environment import IS_WHOLE, LEASE
from foundation.memory_budget import Budget, Lease
from foundation.settings import load_settings
from tests.signals import make_signal
from wsgi import create_app

JSON, NDJSON = "application/json", "application/x-ndjson"
FULL = 19_900_000


def full_of(piece: bytes) -> bytes:
    return piece * (FULL // len(piece))


def members() -> bytes:
    return b"{" + b",".join(b'"k%d":1' % number for number in range(1_500_000)) + b"}"


def lines_of(make: Callable[[int], dict[str, Any]], n: int) -> bytes:
    return b"\n".join(json.dumps(make(number), ensure_ascii=False).encode() for number in range(n))


def lines_with(piece: bytes) -> bytes:
    """500 signals as long as one may be, full of something short."""
    head = b'{"id":"0199f0aa-7b1c-7000-8000-5d3e2f1a0b9c","payload":{"text":['
    return b"\n".join([head + piece * ((32_000 - len(head)) // len(piece)) + b"1]}}"] * 500)


def annotation(number: int) -> dict[str, Any]:
    item = f"0199f0aa-7b1c-7000-8000-{number:012x}"
    return {"item": item, "question": "mood", "annotator": f"a{number % 9}", "value": "good"}


CASES: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "a list of lists": ("signals", JSON, lambda: b"[" + full_of(b"[],") + b"1]"),
    "empty objects as lines": ("signals", NDJSON, lambda: full_of(b"{}\n")),
    "blank lines": ("signals", NDJSON, lambda: full_of(b"\n")),
    "numbers as signals": ("signals", JSON, lambda: b'{"signals":[' + full_of(b"1,") + b"1]}"),
    "one signal of a million members": ("signals", JSON, members),
    "a million members in an envelope": ("signals", JSON, lambda: b'{"signals":[' + members() + b"]}"),
    "brackets that never end": ("signals", JSON, lambda: full_of(b"[")),
    "a list of lists as consent": ("signals", JSON, lambda: b'{"consent":[' + full_of(b"[],") + b'1],"signals":[]}'),
    "a mistake at the end": ("signals", JSON, lambda: b"[" + full_of(b"[],") + b"}"),
    "a text without an end": ("signals", JSON, lambda: b'{"a":"' + full_of(b'\\"')),
    "one text with an emoji": ("signals", JSON, lambda: '{{"a":"{}😀"}}'.format("a" * FULL).encode()),
    "500 signals of lists": ("signals", NDJSON, lambda: lines_with(b"[],")),
    "500 signals of objects": ("signals", NDJSON, lambda: lines_with(b'{"":{"":1}},')),
    "500 signals of numbers": ("signals", NDJSON, lambda: lines_with(b"1.25,")),
    "500 good texts": ("signals", NDJSON, lambda: lines_of(lambda n: make_signal(payload={"text": f"{n} 😀" + "so it was " * 190}), 500)),
    "annotations that are lists": ("annotations", JSON, lambda: b"[" + full_of(b"[],") + b"1]"),
    "annotations that are empty": ("annotations", NDJSON, lambda: full_of(b"{}\n")),
    "one annotation of lists": ("annotations", JSON, lambda: b'[{"value":[' + full_of(b"[],")[:3_000_000] + b"1]}]"),
    "50,000 annotations": ("annotations", NDJSON, lambda: lines_of(annotation, 50_000)),
    "ids that are numbers": ("dead-letters/replay", JSON, lambda: b'{"ids":[' + full_of(b"1,") + b"1]}"),
}  # fmt: skip


def main(name: str, project: str, key: str) -> None:
    path, media_type, make = CASES[name]
    body = make()
    n_bytes, packed = len(body), gzip.compress(body, 1)
    del body
    app, budget = create_app(), Budget(load_settings().max_bodies_bytes)

    def post(sent: bytes) -> str:
        told: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": f"/v1/projects/{project}/{path}",
            "QUERY_STRING": "", "SERVER_NAME": "winnow", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": media_type, "CONTENT_LENGTH": str(len(sent)), "HTTP_CONTENT_ENCODING": "gzip",
            "HTTP_AUTHORIZATION": f"Bearer {key}", "wsgi.url_scheme": "http", "wsgi.input": BytesIO(sent),
            "wsgi.errors": sys.stderr, IS_WHOLE: True, LEASE: Lease(budget),
        }  # fmt: skip
        answer: Iterator[bytes] = app.wsgi_app(environ, lambda status, _headers: told.append(status))
        for _ in answer:
            pass
        return told[0]

    post(gzip.compress(b'{"a":1}'))  # what is imported at the first call is no part of a body's cost
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_bytes()
    status = post(packed)
    sys.stdout.write(json.dumps({"status": int(status[:3]), "unpacked": n_bytes, "took": peak_bytes() - before}))


def peak_bytes() -> int:
    """The most memory since `clear_refs` was written to (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], os.environ["KEY"])
