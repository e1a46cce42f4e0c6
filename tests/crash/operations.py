"""The operations that are killed at each write: how HOME stands before each, and what is wrong where one did not hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import pysqlite3.dbapi2 as fixed_sqlite

from exports.keeping.verify import verify_folder
from foundation.running.parts import wait_until
from tests.chaos.oracle import PROJECT, project_file
from tests.chaos.phones import Fleet
from tests.chaos.proxy import Mode
from tests.chaos.raters import annotations_in_studio, rate, studio_client, tasks_in_studio
from tests.chaos.world import World
from tests.crash.agreed import DATABASE, holdings_of
from tests.crash.forked import Asked, Forks, Program, Ran

NAMES = ["batch", "labels", "pull", "push", "build", "erasure"]
SIGNALS = 60
ADDED = 1_020
"""The command stores 500 in one transaction."""
ANNOTATORS = 4
TASKS = 12
ANSWERS = 5
LABELLED = 20
STRAY = """SELECT COUNT(*) FROM (SELECT version_no AS no FROM version_items UNION ALL SELECT first_version FROM sides)
WHERE no NOT IN (SELECT no FROM versions WHERE state = 'published')"""
LABELS = "SELECT COUNT(*) FROM annotations WHERE source <> 'label_studio'"
LIVE = "SELECT COUNT(DISTINCT item_id) FROM tasks WHERE state = 'live'"
DRAWN = frozenset({"tasks", "labeling_counters"})
LEASED = """SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'running')
+ (SELECT COUNT(*) FROM studio_projects WHERE holder IS NOT NULL)
+ (SELECT COUNT(*) FROM steps WHERE state = 'running')"""
TOLD = """SELECT group_concat(told) FROM
(SELECT step || ' ' || state || ' ' || COALESCE(facts, '') AS told FROM steps ORDER BY of, step)"""


@dataclass(frozen=True)
class Operation:
    """`program` is killed; `fault` says what is wrong after it was run once more, None where all is as it should be."""

    name: str
    program: Program
    before: Path
    fault: Callable[[], str | None] = lambda: None
    prepare: Callable[[], None] = lambda: None
    otherwise: frozenset[str] = frozenset()
    """Tables that may be another way after a death; `fault` looks at them."""


@dataclass(frozen=True)
class Bench:
    """Where operations are run: the world with its system down, and the process that forks."""

    world: World
    forks: Forks

    def put_back(self, operation: Operation) -> None:
        """HOME, and Label Studio where it matters, as they were before the operation."""
        home = self.world.home
        for left in home.iterdir():  # HOME itself may be a file system of its own
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        shutil.copytree(operation.before, home, dirs_exist_ok=True)
        operation.prepare()

    def run(self, *programs: Program, kill_at: int | None = None) -> Ran:
        return self.forks.run(Asked(programs, kill_at))

    def undisturbed(self, operation: Operation) -> Ran:
        """Raises RuntimeError where it does not end well: then no death can be judged."""
        self.put_back(operation)
        ran = self.run(operation.program)
        if ran.code:
            raise RuntimeError(f"{operation.name} ends with {ran.code} by itself: {ran.said}")
        return ran

    def ask(self, statement: str) -> object:
        return ask(self.world.home, statement)

    def aside(self) -> Path:
        """A copy of the database's files, to be looked at: SQLite mends what a death left when anybody opens it, and
        that is for the next run to do."""
        aside = self.world.folder / "aside"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for path in self.world.home.glob(f"{DATABASE}*"):
            shutil.copy(path, aside)
        return aside

    def end_leases(self) -> None:
        """As if their time had passed. What holds none is not opened."""
        if ask(self.world.folder / "aside", LEASED):
            self.ask("UPDATE jobs SET lease_until_ms = 0 WHERE state = 'running'")
            self.ask("UPDATE studio_projects SET holder = NULL, lease_until_ms = 0")
            self.ask("UPDATE steps SET lease_until_ms = 0 WHERE state = 'running'")

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.world.home, to)
        return to


def ask(home: Path, statement: str) -> object:
    """The first cell of the answer; None where there is none."""
    with closing(fixed_sqlite.connect(home / DATABASE, timeout=10)) as connection:
        row = connection.execute(statement).fetchone()
        connection.commit()
    return row[0] if row else None


def fill(world: World) -> None:
    """Signals and labels, taken in by the system; then it ends, and Label Studio stays."""
    assert world.studio is not None
    assert world.up is not None
    world.studio.set(Mode.REFUSE)
    file = project_file()
    file["labeling"]["choose"]["backlog"] = TASKS
    # They run in a process of their own that writes to nobody but the build: without it a build takes a tenth of the time.
    del file["expectations"]
    world.project("PUT", json=file)
    fleet = Fleet(world.oracle, world.url, world.keys["ingest"])
    fleet.start()
    wait_until(lambda: len(fleet.acknowledged) >= SIGNALS, timeout_s=60)
    fleet.stop()
    labels = [
        {"signal": world.oracle.id_of(number), "question": "mood", "annotator": "a-lead", "value": "good"}
        for number in range(LABELLED)
    ]
    world.project("POST", "/annotations", json=labels)
    world.up.terminate()
    world.up.wait(60)
    world.studio.set(Mode.PASS)


def stage(bench: Bench, folder: Path) -> dict[str, Operation]:
    """Makes HOME as it stands before each operation."""
    # The system may have made its project in Label Studio already: the push shall do so.
    bench.ask("DELETE FROM studio_projects")
    bench.ask("DELETE FROM jobs WHERE state IN ('queued', 'running')")
    before = bench.copy(folder / "before")
    build = _build(bench, before)
    return {
        "batch": _batch(bench, folder, before),
        "labels": _labels(bench, folder, before),
        **_with_studio(bench, folder, before),
        "build": build,
        "erasure": _erasure(bench, folder, build),
    }


def _batch(bench: Bench, folder: Path, before: Path) -> Operation:
    oracle, batch = bench.world.oracle, folder / "batch.ndjson"
    numbers = islice((number for number in count(10_000) if not oracle.is_wrong(number)), ADDED)
    signals = [oracle.signal(number) for number in numbers]
    consent = oracle.envelope([])["consent"]
    batch.write_text("".join(json.dumps({**signal, "consent": consent}) + "\n" for signal in signals))
    held = int(str(bench.ask("SELECT COUNT(*) FROM signals")))

    def fault() -> str | None:
        added = int(str(bench.ask("SELECT COUNT(*) FROM signals"))) - held
        return None if added == ADDED else f"{added} of {ADDED} signals are stored"

    return Operation("batch", ["winnow", "collector", "ingest", PROJECT, str(batch)], before, fault)


def _labels(bench: Bench, folder: Path, before: Path) -> Operation:
    oracle, file = bench.world.oracle, folder / "labels.ndjson"
    numbers = [number for number in range(SIGNALS) if not oracle.is_wrong(number)]
    labels = [
        {"signal": oracle.id_of(number), "question": "mood", "annotator": f"a-{one}", "value": ("good", "bad")[one % 2]}
        for one in range(ANNOTATORS)
        for number in numbers
    ]
    file.write_text("".join(json.dumps(label) + "\n" for label in labels))
    held = int(str(bench.ask(LABELS)))

    def fault() -> str | None:
        added = int(str(bench.ask(LABELS))) - held
        return None if added == len(labels) else f"{added} of {len(labels)} labels are stored"

    return Operation("labels", ["winnow", "labeling", "import", PROJECT, str(file)], before, fault)


def _with_studio(bench: Bench, folder: Path, before: Path) -> dict[str, Operation]:
    world, sync = bench.world, ["winnow", "labeling", "sync", PROJECT, "--only"]

    def push_fault() -> str | None:
        texts, known = tasks_in_studio(world), bench.ask("SELECT COUNT(*) FROM tasks WHERE ls_task IS NOT NULL")
        if len(texts) != len(set(texts)):
            return "an item has two tasks"
        if (projects := len(list(_projects(world)))) != 1:
            return f"{projects} projects stand in Label Studio"
        rows, items = bench.ask("SELECT COUNT(*) FROM tasks"), bench.ask(LIVE)
        is_whole = len(texts) == known == rows == items == TASKS
        return None if is_whole else f"{len(texts)} tasks stand there; here {known} of {rows}, live for {items} items"

    # What was chosen and never arrived is chosen anew, in a draw of its own, which may fall on other items.
    push = Operation("push", [*sync, "push"], before, push_fault, lambda: _empty_studio(world), DRAWN)
    bench.undisturbed(push)
    rate(world, ANSWERS)
    given = annotations_in_studio(world)
    if given != ANSWERS:
        raise RuntimeError(f"{given} of {ANSWERS} answers were taken")

    def pull_fault() -> str | None:
        stored = bench.ask("SELECT COUNT(*) FROM annotations WHERE source = 'label_studio'")
        return None if stored == given else f"{stored} of {given} answers are stored"

    return {"pull": Operation("pull", [*sync, "pull"], bench.copy(folder / "pushed"), pull_fault), "push": push}


def _projects(world: World) -> Iterator[int]:
    with studio_client(world) as studio:
        rows = studio.get("/api/projects/", params={"page_size": 500}).json()["results"]
    yield from (int(row["id"]) for row in rows if row["title"].startswith("Chaos"))


def _empty_studio(world: World) -> None:
    """No project, so that the push makes it, too."""
    with studio_client(world) as studio:
        for project in _projects(world):
            studio.delete(f"/api/projects/{project}/").raise_for_status()


def _build(bench: Bench, before: Path) -> Operation:
    build = Operation("build", ["winnow", "exports", "build", PROJECT, "--json"], before)
    bench.undisturbed(build)
    wanted = bench.ask("SELECT digest FROM versions WHERE state = 'published'")
    seen: dict[str, Sequence[object]] = {}

    def fault() -> str | None:
        if len(folders := _folders(bench)) != 1:
            return f"{len(folders)} folders of versions"
        # Leakage is counted in a process of its own, once for the same bytes.
        content = str(sorted((row["name"], row["sha256"]) for row in holdings_of(folders[0].parent)["files"]))
        if content not in seen:
            seen[content] = verify_folder(folders[0], expected_digest=str(wanted)).problems
        digests = bench.ask("SELECT group_concat(digest) FROM versions WHERE state = 'published'")
        if seen[content] or digests != wanted:
            return f"the version differs: {digests} {seen[content][:2]}"
        stray = bench.ask(STRAY)
        return f"{stray} rows belong to a version that is not there" if stray else None

    return Operation("build", build.program, before, fault)


def _folders(bench: Bench) -> list[Path]:
    return [path for path in (bench.world.home / "versions" / PROJECT).glob("*") if not path.name.startswith(".")]


def _erasure(bench: Bench, folder: Path, build: Operation) -> Operation:
    """The order is given, and a version holds the person; what is killed is the work of all that follows."""
    world, erased = bench.world, 1
    bench.undisturbed(build)
    ordered = bench.run(["winnow", "collector", "erase", PROJECT, world.oracle.person_of(erased)])
    if ordered.code:
        raise RuntimeError(f"no order to erase: {ordered.said}")
    text = world.oracle.text_of(erased).encode() + b'"'
    told: dict[str, object] = {}

    def fault() -> str | None:
        state = bench.ask("SELECT state FROM erasures")
        left = bench.ask("SELECT COUNT(*) FROM signals s JOIN erasures e ON e.subject_id = s.subject_id")
        if (state, left) != ("completed", 0):
            return f"the erasure is {state}, {left} signals are left"
        if (steps := bench.ask(TOLD)) != told["steps"]:
            return f"the steps tell {steps} instead of {told['steps']}"
        if folders := _folders(bench):
            return f"{len(folders)} folders of versions still hold the person"
        readable = [path.name for path in world.home.rglob("*") if path.is_file() and text in path.read_bytes()]
        return f"what the person wrote stands in {readable}" if readable else None

    erasure = Operation("erasure", ["workers", "follow"], bench.copy(folder / "asked"), fault)
    bench.undisturbed(erasure)
    told["steps"] = bench.ask(TOLD)
    return erasure
