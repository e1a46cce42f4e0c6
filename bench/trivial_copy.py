"""Reference B of the intake benchmark: a view that decodes a batch and COPYs eight columns, and does nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import psycopg

COLUMNS = ("id", "subject", "captured_at", "received_at", "payload", "context", "device", "revision")
TABLE = (
    "CREATE TABLE copied (id uuid PRIMARY KEY, subject text, captured_at timestamptz, "
    "received_at timestamptz, payload text, context text, device text, revision int)"
)
_local = threading.local()


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["BENCH_DATABASE_URL"])
    connection: psycopg.Connection[Any] = _local.connection
    return connection


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Decode, COPY, commit, answer."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    connection = _connection()
    results = []
    with connection.cursor() as cursor, cursor.copy(f"COPY copied ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for signal in orjson.loads(body)["signals"]:
            payload, context = orjson.dumps(signal["payload"]).decode(), orjson.dumps(signal["context"]).decode()
            at = signal["captured_at"]
            copy.write_row((signal["id"], signal["subject"], at, at, payload, context, signal["device"], 1))
            results.append({"id": signal["id"], "status": "accepted", "retry": "no"})
    connection.commit()
    answer = orjson.dumps({"accepted": len(results), "results": results})
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
