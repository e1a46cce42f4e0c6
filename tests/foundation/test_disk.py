"""What says that a disk is full, where intake stops, and what goes on."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from foundation.database import failures_told, utc_now
from foundation.disk import DiskFull, free_bytes, has_space, is_full, require_space
from foundation.http.web import EXTENSION, services_of
from foundation.observability import LINES_DROPPED, LastingStream
from foundation.settings import Settings
from tests.signals import Held, Phone


class Refusing(io.StringIO):
    """A stream on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise BrokenPipeError


def of_driver(text: str, sqlstate: str | None = None) -> OperationalError:
    original = Exception(text)
    original.sqlstate = sqlstate  # type: ignore[attr-defined]
    return OperationalError("INSERT", {}, original)


class TestIsFull:
    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "x"),
            OSError(errno.EDQUOT, "x"),
            OSError(errno.EROFS, "x"),
            of_driver("database or disk is full"),
            of_driver("could not extend file", "53100"),
        ],
    )
    def test_what_databases_and_files_say_of_it(self, error: Exception) -> None:
        wrapped = RuntimeError("another")
        wrapped.__cause__ = error

        assert is_full(error)
        assert is_full(wrapped)

    @pytest.mark.parametrize("error", [OSError(errno.ENOENT, "x"), of_driver("locked"), ValueError("x")])
    def test_other_errors_are_not_it(self, error: Exception) -> None:
        assert not is_full(error)

    def test_a_full_database_is_told_apart(self) -> None:
        with pytest.raises(DiskFull) as told, failures_told():
            raise of_driver("could not extend file", "53100")

        assert told.value.facts["reason"] == "disk_full"


class TestRequireSpace:
    def test_less_than_the_mark_is_refused(self, tmp_path: Path) -> None:
        free = free_bytes(tmp_path)

        require_space(Settings.model_validate({"home": tmp_path, "min_free_bytes": 0}))
        with pytest.raises(DiskFull):
            require_space(Settings.model_validate({"home": tmp_path, "min_free_bytes": 10 * free + 1}))

    def test_a_folder_that_is_not_made_yet_counts_where_it_will_be(self, tmp_path: Path) -> None:
        assert has_space(Settings.model_validate({"home": tmp_path / "a" / "b", "min_free_bytes": 0}))


class TestLastingStream:
    def test_a_line_that_cannot_be_written_is_dropped_and_counted(self) -> None:
        before = LINES_DROPPED._value.get()
        stream = LastingStream(Refusing())

        stream.write("a line\n")
        stream.flush()

        assert LINES_DROPPED._value.get() == before + 2


class TestLowWater:
    @pytest.fixture
    def full(self, app: Flask, project: Held) -> Iterator[FlaskClient]:
        before = services_of(app)
        lacking = before.settings.model_copy(update={"min_free_bytes": 1 << 62})
        app.extensions[EXTENSION] = replace(before, settings=lacking)
        yield app.test_client()
        app.extensions[EXTENSION] = before

    @pytest.mark.parametrize(
        ("role", "method", "path", "body"),
        [
            ("ingest", "POST", "/signals", {}),
            ("manage", "PUT", "", {}),
            ("manage", "POST", "/annotations", []),
            ("manage", "POST", "/dead-letters/replay", {}),
        ],
    )
    def test_what_fills_the_disk_is_refused_before_it_does(
        self, full: FlaskClient, project: Held, role: str, method: str, path: str, body: Any
    ) -> None:
        answer = Phone(full, project, role).call(method, path, json=body)

        assert (answer.status_code, answer.json["reason"]) == (503, "disk_full")
        assert int(answer.headers["Retry-After"]) > 0

    def test_reads_erasures_withdrawals_and_health_go_on(self, full: FlaskClient, project: Held) -> None:
        named = {"Winnow-Subject": "somebody"}
        manage = Phone(full, project, "manage")
        withdrawn = {"granted": False, "given_at": utc_now().isoformat()}

        answers = [
            manage.call("GET", ""),
            manage.call("GET", "/dead-letters"),
            manage.call("PUT", "/subject/consent", json=withdrawn, headers=named),
            manage.call("DELETE", "/subject", headers=named),
            full.get("/healthz"),
            full.get("/metrics"),
        ]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 202, 200, 200]

    def test_who_has_no_key_learns_nothing_of_it(self, full: FlaskClient, project: Held) -> None:
        assert full.post(f"{project.url}/signals", json={}).status_code == 401


def test_a_file_that_finds_no_room_is_503_and_no_bug(app: Flask) -> None:
    with app.test_request_context("/"):
        answer = app.handle_user_exception(OSError(errno.ENOSPC, "x"))

    assert answer.status_code == 503  # type: ignore[union-attr]
