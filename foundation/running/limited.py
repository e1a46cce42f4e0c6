"""Runs work whose cost a project or a person decides in a child process with limits of CPU, memory, output and time.

A regular expression can keep one call of Python's engine busy for ever, and no thread of the same process can stop it, nor
keep a lease meanwhile. A child can be ended from outside, by the kernel, at any moment, and its parent goes on.

`python -m foundation.running.limited` is that child: it reads what to call from stdin and writes what the function yields, a line
of JSON each, to stdout. It is started fresh and not forked, since a fork of a process with threads may hang.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import IO, Any, Final

from foundation.errors import TooLarge
from foundation.running.parts import BELONGS_TO
from foundation.running.tether import tethered
from foundation.settings import Settings

OUT_OF_MEMORY: Final = 71
FAILED: Final = 72
START_CPU_S: Final = 60
"""Until the first value it loads libraries, whose cost no project decides."""
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "HOME", "VIRTUAL_ENV", BELONGS_TO)
"""No setting of Winnow goes along: the child needs no key, no database and no broker."""
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}


class Limit(StrEnum):
    """Which limit was met; `CRASH`: the child ended by itself, for instance killed for want of memory."""

    CPU = "cpu"
    MEMORY = "memory"
    OUTPUT = "output"
    TIME = "time"
    CRASH = "crash"


class LimitMet(TooLarge):
    """Work was ended at a limit; `limit` says at which, and `detail` in words what was allowed."""

    title = "The work took more than it may"

    def __init__(self, detail: str, *, limit: Limit) -> None:
        super().__init__(detail, limit=limit.value)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take.

    Attributes:
        step_cpu_s: seconds of CPU between two values that the function yields; a minute at least until the first one.
        memory_bytes: of address space, the libraries' own included.
        output_bytes: of JSON in all.
        wall_s: seconds by the clock, however busy the machine is.
    """

    step_cpu_s: int = 30
    memory_bytes: int = 4 << 30
    output_bytes: int = 256 << 20
    wall_s: float = 600.0

    def words(self, limit: Limit) -> str:
        """What went over the limit, to stand behind the name of what ran.

        >>> Limits(step_cpu_s=30).words(Limit.CPU)
        'took more than 30 s of CPU'
        """
        return {
            Limit.CPU: f"took more than {self.step_cpu_s} s of CPU",
            Limit.MEMORY: f"needed more than {self.memory_bytes >> 20} MB of memory",
            Limit.OUTPUT: f"gave more than {self.output_bytes >> 20} MB of results",
            Limit.TIME: f"was not done within {self.wall_s:g} s",
            Limit.CRASH: "ended its process, perhaps for want of memory",
        }[limit]


def limits_of(settings: Settings) -> Limits:
    """What the expectations of one suite may take on this installation."""
    return Limits(step_cpu_s=settings.expectation_cpu_s)


def run_limited(function: str, payload: bytes, limits: Limits) -> Iterator[Any]:
    """What a generator function yields, as JSON, while it runs in a child of its own.

    Args:
        function: `module:name`; called with the payload.
        payload: goes to the child through a pipe and touches no disk.
        limits: what the child may take; it is ended when it takes more.

    Raises:
        LimitMet: the child was ended at a limit, or crashed. What it had yielded before was yielded here.
        RuntimeError: the function raised; the text of the exception may hold values and is left out.
    """
    child = _start(function, limits)
    late = threading.Event()

    def end_late() -> None:
        late.set()
        child.kill()

    watch = threading.Timer(limits.wall_s, end_late)
    watch.daemon = True
    watch.start()
    try:
        with suppress(BrokenPipeError), closing(child.stdin) as given:  # type: ignore[type-var]
            given.write(payload)  # type: ignore[union-attr]
        yield from _lines(child.stdout, limits)  # type: ignore[arg-type]
        _judge(child.wait(), limits, was_late=late.is_set())
    finally:
        watch.cancel()
        child.kill()
        child.wait()
        child.stdout.close()  # type: ignore[union-attr]


def _start(function: str, limits: Limits) -> subprocess.Popen[bytes]:
    words = [function, str(limits.step_cpu_s), str(limits.memory_bytes)]
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return subprocess.Popen(
        tethered([sys.executable, "-m", "foundation.running.limited", *words], ending=signal.SIGKILL),
        env={**kept, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _lines(output: IO[bytes], limits: Limits) -> Iterator[Any]:
    left = limits.output_bytes
    while line := output.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise LimitMet(f"the work {limits.words(Limit.OUTPUT)}", limit=Limit.OUTPUT)
        if line.endswith(b"\n"):  # else it was ended while it wrote
            yield json.loads(line)


def _judge(code: int, limits: Limits, *, was_late: bool) -> None:
    if code == 0:
        return
    if code == FAILED:
        raise RuntimeError("the function in the child raised an exception")
    by_code = {-signal.SIGXCPU: Limit.CPU, OUT_OF_MEMORY: Limit.MEMORY}
    limit = Limit.TIME if was_late else by_code.get(code, Limit.CRASH)
    raise LimitMet(f"the work {limits.words(limit)}", limit=limit)


def _child(function: str, step_cpu_s: int, memory_bytes: int) -> int:
    """Runs in the child: sets the limits, calls the function, and gives each step its own time."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        _allow_a_step(max(step_cpu_s, START_CPU_S))
        module, _, name = function.partition(":")
        for value in getattr(import_module(module), name)(sys.stdin.buffer.read()):
            answers.write(json.dumps(value).encode() + b"\n")
            answers.flush()
            _allow_a_step(step_cpu_s)
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception:  # noqa: BLE001 - whatever it is, its text may hold values and stays here
        return FAILED
    return 0


def _allow_a_step(step_cpu_s: int) -> None:
    """Moves the soft limit on: at it comes SIGXCPU, which ends the process and says why."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = math.ceil(used.ru_utime + used.ru_stime) + step_cpu_s, resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    code = _child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    os._exit(code)  # the tear-down of large libraries costs time and may fail for want of memory
