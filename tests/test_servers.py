"""The servers of the test run are real and answer."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.architecture.sources import ROOT
from tests.servers import LabelStudio


def test_postgres_answers(postgres_url):
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("select 6 * 7")).scalar_one() == 42
    engine.dispose()


def test_valkey_answers_to_its_password_only(valkey_url):
    import redis

    with redis.Redis.from_url(valkey_url) as client:
        assert client.ping()
    stranger_url = "redis://" + valkey_url.split("@")[1]
    with redis.Redis.from_url(stranger_url) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()


@pytest.mark.slow
def test_what_needs_a_server_is_not_among_the_quick_tests():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not slow"]
    files = ["tests/test_servers.py", "tests/foundation/test_cli.py", "tests/foundation/test_storage.py"]

    said = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "TestKeys::test_a_key_is_alone_on_stdout_and_the_list_names_its_project[sqlite]" in said
    assert "[postgresql]" not in said
    assert "[bucket" not in said
    assert "test_servers.py" not in said


@pytest.mark.slow
class TestLabelStudio:
    def test_the_administrator_has_the_token(self, label_studio: LabelStudio):
        with label_studio.client() as client:
            assert client.get("/api/current-user/whoami").json()["email"] == label_studio.account

    def test_an_invited_annotator_can_work(self, label_studio: LabelStudio):
        token = label_studio.invite("rater-1@example.org")

        with label_studio.client(token) as client:
            assert client.get("/api/current-user/whoami").json()["email"] == "rater-1@example.org"

    def test_nobody_signs_up_without_an_invitation(self, label_studio: LabelStudio):
        answer = httpx.post(
            f"{label_studio.url}/user/signup/", data={"email": "a@example.org", "password": "a-long-password"}
        )

        assert answer.status_code == 403

    @pytest.mark.parametrize(
        ("url", "status"),
        [("http://127.0.0.1:9/hook", 201), ("http://10.0.0.1/", 403), ("http://169.254.169.254/", 403)],
    )
    def test_webhooks_reach_this_machine_only(self, label_studio: LabelStudio, url, status):
        with label_studio.client() as client:
            config = "<View><Text name='t' value='$text'/></View>"
            project = client.post("/api/projects/", json={"title": "hooks", "label_config": config}).json()["id"]

            assert client.post("/api/webhooks/", json={"project": project, "url": url}).status_code == status
