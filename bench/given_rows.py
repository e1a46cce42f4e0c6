"""Reference A of the intake benchmark: a view that writes rows it is given into Winnow's own two tables, and nothing else.

What intake may cost at the least, with the columns and indexes that it has: `{"items": [[…]], "signals": [[…]]}` with a
value for each of the columns below.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import psycopg

ITEMS: Final = ("project_id", "id", "content", "revision", "scrub_hash", "ready", "hold", "created_at")
SIGNALS: Final = ("project_id", "id", "source_hmac", "subject_id", "device_hmac", "item_id", "key_id", "revision", "captured_at",
                  "received_at", "event_time", "time_quality", "context", "extra", "proven")  # fmt: skip
_local = threading.local()


def rows_of(batch: bytes) -> bytes:
    """The body for this view that stores what Winnow stores of a batch."""
    now = datetime.now(UTC).isoformat()
    subject, key, hashed = _random_uuid(), _random_uuid(), f"\\x{os.urandom(16).hex()}"
    items: list[list[Any]] = []
    signals: list[list[Any]] = []
    for signal in json.loads(batch)["signals"]:
        item, at = _random_uuid(), signal["captured_at"]
        context = {name: str(value) for name, value in signal["context"].items() if name not in {"battery", "charging"}}
        items.append([1, item, json.dumps({"text": signal["payload"]["text"]}), 1, "0" * 16, True, False, now])
        signals.append([1, signal["id"], f"\\x{os.urandom(16).hex()}", subject, hashed, item, key, 1, at, now, at, "raw",
                        json.dumps(context), json.dumps({"price": signal["payload"]["price"]}), False])  # fmt: skip
    return orjson.dumps({"items": items, "signals": signals})


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Decode, two COPYs, commit, answer."""
    body = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    connection = _connection()
    with connection.cursor() as cursor:
        for table, columns in (("items", ITEMS), ("signals", SIGNALS)):
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in body[table]:
                    copy.write_row(row)
    connection.commit()
    answer = orjson.dumps({"accepted": len(body["signals"]), "results": list(_results(body["signals"]))})
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def _results(signals: list[list[Any]]) -> Iterator[dict[str, str]]:
    for row in signals:
        yield {"id": row[1], "status": "accepted", "item": row[5], "retry": "no"}


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["BENCH_DATABASE_URL"])
    connection: psycopg.Connection[Any] = _local.connection
    return connection


def _random_uuid() -> str:
    drawn = os.urandom(16).hex()
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-8{drawn[17:20]}-{drawn[20:]}"
