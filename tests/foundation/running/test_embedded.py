"""Valkey keeps its messages and heals; Label Studio's data folder is laid out whole or not at all."""

from __future__ import annotations

import os
import secrets
import signal
import stat
from pathlib import Path

import pytest
import redis

from foundation.errors import UsageError
from foundation.running.embedded import LabelStudioServer, Valkey
from foundation.running.label_studio_start import installed, lay_out
from foundation.running.parts import Part, free_port, running, wait_until


@pytest.fixture
def valkey(tmp_path) -> Valkey:
    return Valkey(tmp_path / "valkey", free_port(), secrets.token_hex(8))


@pytest.fixture
def part(valkey, tmp_path) -> Part:
    return valkey.part(tmp_path / "valkey.log", {})


class TestValkey:
    def test_it_keeps_its_messages_over_a_kill(self, valkey, part):
        with running(part, timeout_s=20):
            with redis.Redis.from_url(valkey.url) as client:
                client.rpush("queue", "message")
                client.config_set("appendfsync", "always")
                client.rpush("queue", "another")
            os.kill(part.pid, signal.SIGKILL)
            part.wait(10)
            part.start()
            part.wait_until_it_answers(timeout_s=20)
            with redis.Redis.from_url(valkey.url) as client:
                assert client.lrange("queue", 0, -1) == [b"message", b"another"]

    def test_it_listens_on_loopback_and_keeps_its_password_private(self, valkey, part):
        with running(part, timeout_s=20), redis.Redis.from_url(valkey.url) as client:
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
        assert stat.S_IMODE((valkey.folder / "valkey.conf").stat().st_mode) == 0o600
        assert valkey.password not in part.log.read_text()

    @pytest.mark.slow
    def test_a_log_of_messages_that_cannot_be_read_is_laid_aside(self, valkey, part):
        with running(part, timeout_s=20), redis.Redis.from_url(valkey.url) as client:
            client.rpush("queue", "message")
        for file in (valkey.folder / "appendonlydir").glob("*.aof"):
            file.write_bytes(b"no log of messages at all\n" * 10)

        def starts_and_answers() -> bool:
            part.start()
            return wait_until(lambda: not part.is_running or valkey.answers(), timeout_s=10) and part.is_running

        try:
            assert [starts_and_answers() for _ in range(4)] == [False, False, False, True]
        finally:
            part.end()
        assert [path.name.split("-")[0] for path in valkey.folder.glob("damaged-*")] == ["damaged"]


class TestLabelStudio:
    def test_each_folder_has_secrets_of_its_own_that_stay(self, tmp_path):
        def server(name: str) -> LabelStudioServer:
            return LabelStudioServer.at(tmp_path / name, secrets_folder=tmp_path / name / "secrets", port=1)

        assert server("a") == server("a")
        assert {server("a").token, server("a").password}.isdisjoint({server("b").token, server("b").password})

    def test_the_data_folder_is_a_copy_of_the_template(self, tmp_path):
        template = template_in(tmp_path)
        lay_out(tmp_path / "home" / "label-studio", template=template)

        folder = tmp_path / "home" / "label-studio"
        assert [path.name for path in folder.iterdir()] == ["label_studio.sqlite3"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_what_is_there_is_left_alone(self, tmp_path):
        folder = tmp_path / "home" / "label-studio"
        lay_out(folder, template=template_in(tmp_path))
        (folder / "label_studio.sqlite3").write_text("with annotations")
        lay_out(folder, template=tmp_path / "template")

        assert (folder / "label_studio.sqlite3").read_text() == "with annotations"

    def test_a_copy_that_was_cut_off_starts_again(self, tmp_path):
        (tmp_path / "label-studio.unfinished").mkdir()
        (tmp_path / "label-studio.unfinished" / "half").touch()
        lay_out(tmp_path / "label-studio", template=template_in(tmp_path))

        assert not (tmp_path / "label-studio" / "half").exists()

    def test_a_named_environment_must_hold_label_studio(self, tmp_path):
        with pytest.raises(UsageError, match="WINNOW_LABEL_STUDIO_VENV"):
            installed({"WINNOW_LABEL_STUDIO_VENV": str(tmp_path)})


def template_in(folder: Path) -> Path:
    template = folder / "template"
    template.mkdir()
    (template / "label_studio.sqlite3").write_text("migrated")
    (template / ".complete").touch()
    return template
