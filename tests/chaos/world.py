"""The whole system on one machine, each server behind a proxy, each process to be found and hurt."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from foundation.running.embedded import LabelStudioServer, Valkey
from foundation.running.parts import LOOPBACK, Part, answers_http, free_port, kill_what_belongs_to, wait_until
from tests.chaos.clock import Clocks
from tests.chaos.oracle import PROJECT, Oracle, project_file
from tests.chaos.proxy import Mode, Proxy
from tests.servers import postgres_part

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = {"api": " granian ", "worker": " worker ", "scheduler": " beat "}
READY_WITHIN_S = 120.0
PLENTY = "1000000"
DISK_BYTES = 400 << 20


@dataclass
class World:
    """What a campaign disturbs. `api`, `broker` and `studio` are the proxies before the three servers."""

    folder: Path
    oracle: Oracle
    environment: dict[str, str]
    port: int
    api: Proxy
    broker: Proxy
    valkey: Part
    valkey_server: Valkey
    studio: Proxy | None = None
    label_studio: Part | None = None
    label_studio_server: LabelStudioServer | None = None
    postgres: Part | None = None
    up: subprocess.Popen[bytes] | None = None
    keys: dict[str, str] = field(default_factory=dict)
    erased: dict[str, str] = field(default_factory=dict)
    """Erasures asked for, by person."""
    has_own_disk: bool = False
    """Whether HOME lies on a small file system of its own, which may be filled."""
    clocks: Clocks | None = None
    """The wall clocks of Winnow's processes, where they can be moved."""
    may_fail: set[str] = field(default_factory=set)
    """What a job may say that failed for good, since a fault left it no other way."""
    edited: set[str] = field(default_factory=set)
    """Texts about which somebody changed the answer."""
    written: list[Path] = field(default_factory=list)
    """Folders in which anything of the campaign may lie."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def url(self) -> str:
        """Where the API itself answers; phones go through the proxy."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def phones_url(self) -> str:
        return f"http://{LOOPBACK}:{self.api.port}"

    def start_up(self) -> None:
        """`winnow up`, as its operator starts it."""
        command = [sys.executable, "-m", "flask", "up", "--port", str(self.port), "--no-label-studio"]
        with (self.folder / "up.log").open("ab") as log:
            self.up = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> bool:
        return wait_until(lambda: answers_http(f"{self.url}/readyz", timeout_s=5), timeout_s=within_s)

    def pids(self, part: str) -> list[int]:
        """The processes of a part, the oldest first; none while it is down."""
        if self.up is None or self.up.poll() is not None:
            return []
        found = []
        for child in psutil.Process(self.up.pid).children(recursive=True):
            with suppress(psutil.Error):
                if PROCESSES[part] in f" {' '.join(child.cmdline())} ":
                    found.append(child.pid)
        return sorted(found)

    def hurt(self, part: str, with_signal: signal.Signals) -> None:
        """Sends a signal to every process of a part."""
        for pid in self.pids(part):
            with suppress(ProcessLookupError):
                os.kill(pid, with_signal)

    def heal(self) -> None:
        """Nothing is cut, stopped or down any more."""
        for proxy in (self.api, self.broker, self.studio):
            if proxy is not None and proxy.mode is not Mode.PASS:
                proxy.set(Mode.PASS)
        if self.clocks is not None:
            self.clocks.set(api_s=0, jobs_s=0)
        for part in PROCESSES:
            self.hurt(part, signal.SIGCONT)
        for server in (self.valkey, self.postgres, self.label_studio):
            if server is not None and not server.is_running:
                server.start()
        if self.up is None or self.up.poll() is not None:
            self.start_up()

    def call(self, method: str, path: str, *, role: str = "manage", **parts: Any) -> httpx.Response:
        """A call of the API, past the proxy."""
        headers = {"Authorization": f"Bearer {self.keys[role]}", **parts.pop("headers", {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=60, **parts)

    def project(self, method: str, path: str = "", **parts: Any) -> Any:
        """The answer of a call under the project, which must succeed."""
        answer = self.call(method, f"/v1/projects/{PROJECT}{path}", **parts)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flask", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def job(self, method: str, path: str, *, within_s: float = 120, **parts: Any) -> dict[str, Any]:
        """Asks for a job and waits until it ended: its row."""
        return self.ended(self.project(method, path, **parts)["job"], within_s=within_s)

    def ended(self, job: str, *, within_s: float) -> dict[str, Any]:
        """The row of a job that has ended, or as it is when the time is over."""
        row: dict[str, Any] = {}

        def has_ended() -> bool:
            row.update(self.call("GET", f"/v1/jobs/{job}").json())
            return row.get("status") in {"done", "failed"}

        wait_until(has_ended, timeout_s=within_s)
        return row

    def erase(self, person: str) -> None:
        self.erased[person] = ""  # from now on nobody knows what an answer about this person will be
        answer = self.call("DELETE", f"/v1/projects/{PROJECT}/subject", headers={"Winnow-Subject": person})
        if answer.status_code == 202:
            self.erased[person] = answer.json()["erasure"]

    def erasure_ends(self, person: str, *, within_s: float) -> bool:
        """Whether all of a person is gone in time; an erasure whose answer was lost is asked for again."""
        if not self.erased[person]:
            self.erase(person)
        path = f"/v1/projects/{PROJECT}/erasures/{self.erased[person]}"
        return wait_until(lambda: self.call("GET", path).json().get("status") == "completed", timeout_s=within_s)

    def build_version(self, most: int) -> dict[str, Any]:
        """Labels the first signals that may be labelled, as if made elsewhere, and builds a draft: the job's row."""
        told = [
            {"signal": self.oracle.id_of(number), "question": "mood", "annotator": "a-lead", "value": "good"}
            for number in range(most)
            if not self.oracle.is_wrong(number) and self.oracle.person_of(number) not in self.erased
        ]
        stored = self.project("POST", "/annotations", json=told)
        if stored["rejected"]:
            raise AssertionError(f"labels of stored signals are refused: {stored}"[:400])
        return self.job("POST", "/versions", json={"draft": True})

    def download(self, version: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        """What the command said, and where the version lies now."""
        folder = self.folder / "downloads"
        folder.mkdir(exist_ok=True)
        words = ("--url", self.url, "--key", self.keys["manage"])
        done = self.command("exports", "download", PROJECT, version, str(folder), *words)
        return done, folder / f"{PROJECT}-{version}"


@contextmanager
def running_world(
    folder: Path, oracle: Oracle, *, database: str, with_studio: bool, durable: bool = False
) -> Iterator[World]:
    """Everything started, with a project and its keys; all of it is gone afterwards, whatever happened.

    Args:
        database: `sqlite` or `postgresql`.
        with_studio: whether a real Label Studio stands behind; it takes half a minute.
        durable: whether PostgreSQL waits for the disk.
    """
    (folder / "home").mkdir(parents=True)
    with ExitStack() as stack:
        has_own_disk = _mount(folder / "home", stack)
        world = _servers(folder, oracle, database=database, with_studio=with_studio, durable=durable, stack=stack)
        world.has_own_disk = has_own_disk
        stack.callback(_end, world)
        world.start_up()
        if not world.wait_until_ready():
            raise RuntimeError(f"not ready: {(folder / 'up.log').read_text()[-2000:]}")
        _make_project(world)
        yield world


def _mount(home: Path, stack: ExitStack) -> bool:
    """A file system in memory for HOME, where this machine allows it."""
    size = f"size={DISK_BYTES}"
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(home)], capture_output=True, check=False
    ).returncode:
        return False
    stack.callback(subprocess.run, ["umount", "--lazy", str(home)], capture_output=True, check=False)
    return True


def _servers(
    folder: Path, oracle: Oracle, *, database: str, with_studio: bool, durable: bool, stack: ExitStack
) -> World:
    valkey = Valkey(folder / "valkey", free_port(), secrets.token_hex(16))
    minimal = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    broker = Proxy((LOOPBACK, valkey.port)).start()
    port = free_port()
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("WINNOW_")},
        "WINNOW_HOME": str(folder / "home"),
        "WINNOW_BROKER_URL": valkey.url.replace(f":{valkey.port}/", f":{broker.port}/"),
        "WINNOW_LEASE_S": "6",
        "WINNOW_SYNC_EVERY_S": "3",
        "WINNOW_SWEEP_EVERY_S": "2",
        "WINNOW_EXPECTATION_CPU_S": "2",
        "WINNOW_MIN_FREE_BYTES": str(DISK_BYTES // 10),
        "WINNOW_LOG_LEVEL": "WARNING",
        **{f"WINNOW_{who}_REQUESTS_PER_MINUTE": PLENTY for who in ("INGEST", "SUBJECT", "PROJECT")},
    }
    if (venv := ROOT / ".venv-label-studio").exists():
        environment.setdefault("WINNOW_LABEL_STUDIO_VENV", str(venv.resolve()))
    part = valkey.part(folder / "valkey.log", minimal)
    world = World(folder, oracle, environment, port, Proxy((LOOPBACK, port)).start(), broker, part, valkey)
    if (clocks := Clocks.made_in(folder)) is not None:
        world.clocks = clocks
        environment |= clocks.environment
    world.written.append(folder)
    _run(world.valkey, stack, within_s=30)
    if database == "postgresql":
        # A place of its own: it runs as nobody where this runs as root, and nobody may not look into the campaign's folder.
        content = stack.enter_context(TemporaryDirectory(prefix="winnow-postgres-", ignore_cleanup_errors=True))
        world.written.append(Path(content))
        world.postgres, environment["WINNOW_DATABASE_URL"] = postgres_part(Path(content), durable=durable)
        _run(world.postgres, stack, within_s=60)
    if with_studio:
        server = LabelStudioServer.at(
            folder / "label-studio", secrets_folder=folder / "label-studio-secrets", port=free_port()
        )
        world.label_studio = server.part(folder / "label-studio.log", {**os.environ, **_venv(environment)})
        world.label_studio_server = server
        _run(world.label_studio, stack, within_s=900)
        world.studio = Proxy((LOOPBACK, server.port)).start()
        environment["WINNOW_LABEL_STUDIO_URL"] = f"http://{LOOPBACK}:{world.studio.port}"
        environment["WINNOW_LABEL_STUDIO_TOKEN"] = server.token
    return world


def _venv(environment: dict[str, str]) -> dict[str, str]:
    name = "WINNOW_LABEL_STUDIO_VENV"
    return {name: environment[name]} if name in environment else {}


def _run(part: Part, stack: ExitStack, *, within_s: float) -> None:
    part.start()
    stack.callback(part.end)
    part.wait_until_it_answers(timeout_s=within_s)


def _make_project(world: World) -> None:
    def key(role: str, *of_project: str) -> str:
        made = world.command("keys", "create", "--role", role, *of_project)
        if made.returncode:
            raise RuntimeError(f"no key: {made.stderr}")
        return made.stdout.strip()

    world.keys["admin"] = key("admin")
    world.project("PUT", role="admin", content=json.dumps(project_file()), headers={"Content-Type": "application/json"})
    for role in ("ingest", "manage"):
        world.keys[role] = key(role, "--project", PROJECT)


def _end(world: World) -> None:
    for part in PROCESSES:
        world.hurt(part, signal.SIGCONT)
    if world.up is not None and world.up.poll() is None:
        world.up.terminate()
        with suppress(subprocess.TimeoutExpired):
            world.up.wait(30)
        world.up.kill()
    kill_what_belongs_to(world.home)
