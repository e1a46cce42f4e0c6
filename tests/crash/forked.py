"""Programs run again and again in forks of one process that has imported everything: `python -m tests.crash.forked`.

Most of what a command takes is the start of Python and its imports. Here a parent of one thread does those once; each fork
opens its own settings, database, broker and files, and is traced from before its first step. On stdin and stdout a line of
JSON each: `Asked` one way, `Ran` the other.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from tests.crash.tracing import Traced, seize, stop_at_calls, watch

MOST_TOLD = 2_000
ONE_THREAD = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
Program = Sequence[str]
"""`winnow WORD…` is the command; `workers WORD…` what `tests.crash.workers` offers."""


@dataclass(frozen=True)
class Asked:
    """Programs to run in one process, until one fails; it dies as it enters its call number `kill_at`."""

    programs: Sequence[Program]
    kill_at: int | None = None


@dataclass(frozen=True)
class Ran:
    """The exit code, negative for a signal; the calls that were entered, in order; the end of stdout and stderr."""

    code: int
    calls: list[str]
    said: str


class Forks:
    """The other end: the warmed parent as this process sees it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forked"],
            cwd=folder,
            env={**environment, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, asked: Asked) -> Ran:
        given, answers = self._parent.stdin, self._parent.stdout
        assert given is not None
        assert answers is not None
        given.write(json.dumps(asdict(asked)) + "\n")
        given.flush()
        if not (line := answers.readline()):
            raise RuntimeError("the parent of the forks has ended")
        return Ran(**json.loads(line))

    def end(self) -> None:
        self._parent.communicate()


def main() -> int:
    for line in sys.stdin:
        asked = Asked(**json.loads(line))
        ran, imported = _fork(asked)
        _import(imported)
        print(json.dumps(asdict(ran)), flush=True)
    return 0


def _fork(asked: Asked) -> tuple[Ran, list[str]]:
    """Runs a child; how it went, and the modules it had at its end."""
    said, modules = (os.memfd_create(name) for name in ("said", "modules"))
    waits, begins = os.pipe()
    child = os.fork()
    if not child:
        os.close(begins)
        os.read(waits, 1)
        os._exit(_run(asked, said, modules))
    try:
        seize(child)
        os.write(begins, b"!")
        traced = watch(child, kill_at=asked.kill_at)
        return _told(traced, said), json.loads(_content(modules) or b"[]")
    finally:
        for descriptor in (said, modules, waits, begins):
            os.close(descriptor)


def _told(traced: Traced, said: int) -> Ran:
    return Ran(traced.code, traced.calls, _content(said)[-MOST_TOLD:].decode(errors="replace"))


def _content(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _run(asked: Asked, said: int, modules: int) -> int:
    """In the child: what a process of its own would do, on nothing that the parent had open."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, said, said)):
        os.dup2(source, target)
    stop_at_calls()
    code = 0
    for name, *words in asked.programs:
        code = code or _exit_code(PROGRAMS[name], words)
    sys.stdout.flush()
    if asked.kill_at is None:
        with os.fdopen(modules, "w") as file:
            json.dump(list(sys.modules), file)
    return code


def _exit_code(program: Callable[[list[str]], object], words: list[str]) -> int:
    try:
        program(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a process of its own would end with 1 here
        traceback.print_exc()
        return 1
    return 0


def _winnow(words: list[str]) -> None:
    from wsgi import main as command

    sys.argv = ["winnow", *words]
    command()


def _workers(words: list[str]) -> None:
    from tests.crash.workers import main as program

    program(words)


def _import(modules: Sequence[str]) -> None:
    """What a child needed is here for the next ones. No thread may come of it: it would not be there after a fork."""
    wanted = [name for name in modules if name not in sys.modules and not name.startswith(("__main__", "alembic.env"))]
    for name in wanted:
        with suppress(Exception):
            import_module(name)
    gc.collect()
    gc.freeze()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("an import has started a thread in the parent of the forks")


PROGRAMS: dict[str, Callable[[list[str]], object]] = {"winnow": _winnow, "workers": _workers}

if __name__ == "__main__":
    raise SystemExit(main())
