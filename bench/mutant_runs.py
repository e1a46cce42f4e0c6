"""Runs a room's tests without a fault, and then each of its mutants in a fork that dies with it.

Nothing is written into the tree: a fault lives in the memory of one process. The room's tests run once to see which test
runs which line. Then each mutant has a fork, which gets the fault and runs the tests that reach its line until one fails. A
fault in what runs while modules are imported needs a fork from before the import, which is slower.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.mutants import Mutant

ROOT = Path(__file__).resolve().parents[1]
OURS = ("foundation", "collector", "labeling", "quality", "exports", "tests", "examples", "wsgi", "conftest")

# Without those that measure memory or time: noting which test runs which line takes some, too.
QUICK = [
    "-q",
    "-s",
    "-k",
    "not postgresql and not memory and not test_linear",
    "-m",
    "not server",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:cov",
]
# One test that hangs is one that fails; a mutant has a limit of its own for what no signal interrupts.
QUICK += ["--timeout=60", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
SPARE_S = 20.0
"""Time a mutant has, beside three times what its tests took without it, while their lines were noted."""

KILLED, TIMED_OUT, SURVIVED, UNREACHED = "killed", "timed out", "survived", "unreached"
BROKEN = "broken"
"""Not an outcome: the fault could not be put in, so it has to be imported."""
OUTCOMES = {0: SURVIVED, 1: KILLED}


@dataclass
class Reached:
    """What the run without a fault showed.

    Attributes:
        tests: names of the tests that ran a line, by path and line number.
        imported: lines that ran while modules were imported or tests collected, by path.
        took_s: seconds of each test.
    """

    tests: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    imported: dict[str, set[int]] = field(default_factory=dict)
    took_s: dict[str, float] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that reach a mutant; all of them where it decides what is made while modules are imported."""
        if self.is_imported(mutant):
            return list(self.took_s)
        lines = self.tests.get(mutant.path, {})
        first, last = mutant.lines
        return sorted(set().union(*(lines.get(line, set()) for line in range(first, last + 1))))

    def is_imported(self, mutant: Mutant) -> bool:
        first, last = mutant.lines
        return bool(self.imported.get(mutant.path, set()) & set(range(first, last + 1)))

    def limit_s(self, names: Sequence[str]) -> float:
        return SPARE_S + 3 * sum(self.took_s[name] for name in names)


class Rounds:
    """The pytest plugin that runs a room's tests once, and then its mutants, each in a fork."""

    def __init__(self, mutants: list[Mutant], answer: Callable[[dict[str, Any]], None]) -> None:
        import coverage

        self.mutants, self.answer, self.failed = mutants, answer, False
        paths = sorted({str(ROOT / mutant.path) for mutant in mutants})
        self.coverage = coverage.Coverage(include=paths, data_file=None, config_file=False)
        self.coverage.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Imports what is mutated now: what runs in an import within a test would look as if the test ran it."""
        settle_hypothesis()
        for mutant in self.mutants:
            importlib.import_module(mutant.module)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reached = self._run_once(session)
        items = {item.nodeid: item for item in session.items}
        self.base = Path(session.config.option.basetemp)
        control = in_fork(lambda: self._run(session, list(items.values())), reached.limit_s(list(items)))
        if control != SURVIVED:
            raise pytest.UsageError(f"the tests do not pass twice in one process: {control}")
        for index, mutant in enumerate(self.mutants):
            names = cheapest_first(reached.of(mutant), reached)
            outcome = UNREACHED
            if names:
                kept = set(self.base.iterdir())
                outcome = self._try(session, mutant, [items[name] for name in names], reached)
                remove(set(self.base.iterdir()) - kept)
            self.answer({"index": index, "outcome": outcome, "tests": names, "limit_s": reached.limit_s(names)})
        return True

    def _try(self, session: pytest.Session, mutant: Mutant, items: list[pytest.Item], reached: Reached) -> str:
        if reached.is_imported(mutant):
            return BROKEN

        def run() -> bool:
            put_in(mutant)
            return self._run(session, items)

        return in_fork(run, reached.limit_s([item.nodeid for item in items]))

    def _run_once(self, session: pytest.Session) -> Reached:
        """Leaves the fixtures of the session standing, for the forks."""
        took_s: dict[str, float] = {}
        for item, following in zip(session.items, [*session.items[1:], Root(session)], strict=True):
            self.coverage.switch_context(item.nodeid)
            started = time.monotonic()
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            took_s[item.nodeid] = time.monotonic() - started
            if self.failed:
                raise pytest.UsageError(f"{item.nodeid} fails without any fault")
        self.coverage.stop()
        return reached_by(self.coverage.get_data(), took_s)

    def _run(self, session: pytest.Session, items: list[pytest.Item]) -> bool:
        """Whether all pass; ends with the first that does not."""
        for item, following in zip(items, [*items[1:], Root(session)], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return False
        return True


class Root:
    """What stands for "the next test" so that pytest ends all fixtures but those of the session."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session

    def listchain(self) -> list[pytest.Session]:
        return [self.session]


class Chosen:
    """The pytest plugin for a fork from before the import: only these tests, ending with the first that fails."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = set(names)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        settle_hypothesis()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self.names]


class Faulty(importlib.machinery.SourceFileLoader, importlib.abc.MetaPathFinder):
    """Imports one module with its fault."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        super().__init__(mutant.module, str(ROOT / mutant.path))

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> types.CodeType:  # noqa: ARG002
        return code_of(self.mutant)


def settle_hypothesis() -> None:
    """The same examples every time, none kept in the tree, and none made smaller: that one fails is enough."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutation", deadline=None, max_examples=20, database=None, derandomize=True, phases=phases
    )
    settings.load_profile("mutation")


def cheapest_first(names: Sequence[str], reached: Reached) -> list[str]:
    """Module by module, because fixtures belong to modules, the quickest module first."""
    of_module: Counter[str] = Counter()
    for name in names:
        of_module[name.partition("::")[0]] += reached.took_s[name]  # type: ignore[assignment]
    order = {name: index for index, name in enumerate(reached.took_s)}
    return sorted(names, key=lambda name: (of_module[name.partition("::")[0]], order[name]))


def reached_by(measured: Any, took_s: dict[str, float]) -> Reached:
    reached = Reached(took_s=took_s)
    for file in measured.measured_files():
        path = Path(file).relative_to(ROOT).as_posix()
        contexts = measured.contexts_by_lineno(file)
        reached.imported[path] = {line for line, names in contexts.items() if "" in names}
        reached.tests[path] = {line: set(names) & set(took_s) for line, names in contexts.items()}
    return reached


def code_of(mutant: Mutant) -> types.CodeType:
    source = (ROOT / mutant.path).read_text("utf-8")
    return compile(mutant.tree_of(source), str(ROOT / mutant.path), "exec", dont_inherit=True)


def put_in(mutant: Mutant) -> None:
    """Gives the function that a mutant stands in its new code, wherever the function is already known."""
    around = [code for code in functions_of(code_of(mutant)) if is_around(code, mutant)]
    new = max(around, key=lambda code: code.co_firstlineno)
    found = [one for one in gc.get_objects() if isinstance(one, types.FunctionType) and is_same(one.__code__, new)]
    if not found:
        raise LookupError(mutant.name)
    for function in found:
        function.__code__ = new
    forget_answers()


def forget_answers() -> None:
    """Empties what functions have kept of their answers: those of the run without a fault would hide it."""
    for one in gc.get_objects():
        kind = type(one)
        is_cache = kind.__name__ == "_lru_cache_wrapper" and (one.__module__ or "").split(".")[0] in OURS
        is_learnt = isinstance(one, dict) and hasattr(kind, "__missing__") and kind.__module__.split(".")[0] in OURS
        if is_cache:
            one.cache_clear()
        elif is_learnt:
            one.clear()


def functions_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """The outermost functions of a module and of its classes."""
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            if one.co_flags & CO_NEWLOCALS and one.co_flags & CO_OPTIMIZED:
                yield one
            else:
                yield from functions_of(one)


CO_OPTIMIZED, CO_NEWLOCALS = 1, 2


def is_around(code: types.CodeType, mutant: Mutant) -> bool:
    named = mutant.within == code.co_qualname or mutant.within.startswith(f"{code.co_qualname}.")
    return named and code.co_firstlineno <= mutant.lines[0]


def is_same(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two codes are of the same function."""
    places = [(code.co_filename, code.co_qualname, code.co_firstlineno) for code in (one, other)]
    return places[0] == places[1]


def in_fork(run: Callable[[], bool], limit_s: float) -> str:
    """What became of a run in a process of its own: it passed, failed, or took too long."""
    child = os.fork()
    if not child:
        code = 2
        with contextlib.suppress(BaseException):
            os.setsid()
            code = 0 if run() else 1
        os._exit(code)
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return OUTCOMES.get(os.waitstatus_to_exitcode(status), BROKEN)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIMED_OUT


def remove(paths: set[Path]) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


def tried(mutants: list[Mutant], tests: list[str], folder: Path) -> Iterator[tuple[Mutant, str]]:
    """Each mutant of a room and what became of it.

    Raises:
        RuntimeError: the room's tests do not pass without any fault.
    """
    answers, log = folder / "answers", folder / "log"
    answers.touch()

    def room() -> bool:
        quiet(log)
        with answers.open("w", buffering=1) as file:
            rounds = Rounds(mutants, lambda answer: print(json.dumps(answer), file=file))
            return pytest.main([*QUICK, f"--basetemp={folder / 'room'}", *tests], plugins=[rounds]) in {0, 1}

    ended = in_fork(room, float("inf"))
    found = [json.loads(line) for line in answers.read_text().splitlines()]
    if ended != SURVIVED or len(found) < len(mutants):
        raise RuntimeError(f"the tests of the room do not pass without any fault:\n{log.read_text()[-3000:]}")
    for mutant, answer in zip(mutants, found, strict=True):
        outcome = answer["outcome"]
        yield mutant, imported(mutant, answer, folder) if outcome == BROKEN else outcome


def imported(mutant: Mutant, answer: dict[str, Any], folder: Path) -> str:
    """What becomes of a mutant that is there from the import on."""
    names = answer["tests"]

    def run() -> bool:
        quiet(folder / "imported.log")
        sys.meta_path.insert(0, Faulty(mutant))
        files = sorted({name.partition("::")[0] for name in names})
        return pytest.main([*QUICK, "-x", f"--basetemp={folder / 'one'}", *files], plugins=[Chosen(names)]) == 0

    outcome = in_fork(run, answer["limit_s"] + SPARE_S)
    remove({folder / "one"})
    return KILLED if outcome == BROKEN else outcome


def quiet(log: Path) -> None:
    """Sends what this process says into a file."""
    sys.stdout.flush()
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
