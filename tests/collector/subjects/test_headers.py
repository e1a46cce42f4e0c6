"""Whoever a body could name can be named in a header, and erased over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from collector.intake.identity import names_of
from collector.subjects.headers import read_subject
from examples.phone import subject_header
from foundation.database import Database, utc_now
from foundation.errors import InvalidBody
from foundation.settings import Settings
from tests.api_server import ApiServer, running_api
from tests.signals import CONSENT, Held, Phone, make_signal

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=256)
"""All that a body takes as a subject."""
SOME = ("€ 5", "Jürgen", "张伟", "a\nb", " blank ", "utf-8''x", "100%", "UTF-8''%41", "👩‍👩‍👧", "\x7f\x01")


class TestReading:
    @given(NAMES)
    @example("utf-8''%41")
    @example("%41")
    @example("€" * 256)
    def test_every_name_arrives_as_it_is(self, name: str) -> None:
        header = subject_header(name)

        assert header.isascii()
        assert header.isprintable()
        assert read_subject(header) == name

    @pytest.mark.parametrize(
        ("header", "name"),
        [
            ("UTF-8''%E2%82%AC", "€"),
            ("utf-8''%e2%82%ac", "€"),
            ("uTf-8''plain", "plain"),
            ("100%", "100%"),
            ("%41", "%41"),
            ("utf-8'en'x", "utf-8'en'x"),
            ("iso-8859-1''%A3", "iso-8859-1''%A3"),
        ],
    )
    def test_only_the_marker_makes_a_value_another_one(self, header: str, name: str) -> None:
        assert read_subject(header) == name

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("", "missing_field"),
            ("UTF-8''", "missing_field"),
            ("n" * 257, "too_long"),
            ("UTF-8''" + "%41" * 257, "too_long"),
            ("UTF-8''%00", "nul_character"),
            ("UTF-8''%", "wrong_value"),
            ("UTF-8''%4", "wrong_value"),
            ("UTF-8''%4g", "wrong_value"),
            ("UTF-8''%FF", "wrong_value"),
            ("UTF-8''%ED%A0%80", "wrong_value"),
            ("UTF-8''\xe9", "wrong_value"),
            ("J\xfcrgen", "wrong_type"),
        ],
    )
    def test_what_is_none_is_refused_and_says_what_to_send(self, header: str, reason: str) -> None:
        with pytest.raises(InvalidBody) as refused:
            read_subject(header)

        assert [(fault.pointer, fault.reason) for fault in refused.value.faults] == [("Winnow-Subject", reason)]


class TestEverybody:
    @settings_of(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(NAMES)
    def test_whatever_a_body_takes_as_a_name_is_found_and_erased(self, phone: Phone, name: str) -> None:
        backend, headers = phone.as_role("backend"), {"Winnow-Subject": subject_header(name)}
        phone.send(make_signal(subject=name), consent={**CONSENT, "given_at": utc_now().isoformat()})

        gone = backend.call("DELETE", "/subject", headers=headers)

        assert (gone.status_code, gone.json["held"]) == (202, True)

    @pytest.mark.parametrize("name", SOME)
    def test_who_was_accepted_is_erased(self, phone: Phone, name: str) -> None:
        backend = phone.as_role("backend")
        assert phone.send_one(make_signal(subject=name))["status"] == "accepted"
        headers = {"Winnow-Subject": subject_header(name)}

        assert len(backend.call("GET", "/subject", headers=headers).json["signals"]) == 1
        assert backend.call("DELETE", "/subject", headers=headers).json["held"] is True
        listed = phone.as_role("manage").call("GET", "/erasures", headers=headers).json["erasures"]
        assert len(listed) == 1


@pytest.mark.slow
class TestThroughTheServer:
    @pytest.fixture
    def server(self, settings: Settings, database: Database, tmp_path: Path) -> Iterator[ApiServer]:
        with running_api(settings, tmp_path) as started:
            yield started

    def test_who_was_accepted_is_erased(self, server: ApiServer, project: Held, settings: Settings) -> None:
        names = names_of(settings.pseudonym_key.get_secret_value(), project.name)
        auth = {"Authorization": f"Bearer {project.keys['backend']}"}
        for name in SOME:
            body = orjson.dumps(
                {"consent": {"granted": True, "purposes": ["training"], "notice": "1", "given_at": "2026-01-01T00:00:00Z"},
                 "signals": [make_signal(subject=name)]}
            )  # fmt: skip
            sent = server.send("POST", f"{project.url}/signals", body, {**auth, "Content-Type": "application/json"})
            assert sent.json["accepted"] == 1

            named = {**auth, "Winnow-Subject": subject_header(name)}
            gone = server.send("DELETE", f"{project.url}/subject", headers=named)

            assert (gone.status, gone.json["held"]) == (202, True), name
            assert uuid.UUID(gone.json["subject"]) == names.subject_id(name)

    def test_a_name_in_raw_bytes_is_nobody_else(self, server: ApiServer, project: Held) -> None:
        head = (
            f"DELETE {project.url}/subject HTTP/1.1\r\nHost: winnow\r\nConnection: close\r\n"
            f"Authorization: Bearer {project.keys['backend']}\r\nWinnow-Subject: J"
        ).encode()

        answer = server.send_bytes(head + "ür".encode() + b"gen\r\n\r\n")

        assert answer.status == 422
