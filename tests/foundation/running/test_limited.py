"""Work in a child with limits: what it yields comes through, and it is ended at each limit, with its parent too."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from foundation.running.limited import Limit, LimitMet, Limits, run_limited
from foundation.running.parts import wait_until
from tests.architecture.sources import ROOT

pytestmark = pytest.mark.slow

HERE = "tests.foundation.running.test_limited"
LIMITS = Limits(step_cpu_s=1, wall_s=60, memory_bytes=1 << 30, output_bytes=10_000)


def echo(payload: bytes) -> Iterator[Any]:
    yield from json.loads(payload)


def environment(_: bytes) -> Iterator[dict[str, str]]:
    yield dict(os.environ)


def fail(_: bytes) -> Iterator[str]:
    yield "begun"
    raise ValueError("a secret")


def search(_: bytes) -> Iterator[str]:
    yield "begun"
    re.search(r"^(?=a)(a+)+$", "a" * 80 + "!")


def fill_memory(_: bytes) -> Iterator[str]:
    yield "begun"
    yield str(len(bytearray(2 << 30)))


def wait(_: bytes) -> Iterator[int]:
    yield os.getpid()
    os.read(os.pipe()[0], 1)


def talk(_: bytes) -> Iterator[str]:
    while True:
        yield "x" * 1000


def die(_: bytes) -> Iterator[str]:
    yield "begun"
    os.abort()


def burn(payload: bytes) -> Iterator[float]:
    """Takes so many seconds of CPU for each value."""
    for wanted in json.loads(payload):
        begun = os.times()
        while sum(os.times()[:2]) - sum(begun[:2]) < wanted:
            pass
        yield wanted


class TestRunLimited:
    def test_what_is_yielded_comes_through_as_json(self) -> None:
        values = [1, "é", None, {"a": [2**70]}]

        assert list(run_limited(f"{HERE}:echo", json.dumps(values).encode(), LIMITS)) == values

    @pytest.mark.parametrize(
        ("function", "limit"),
        [
            ("search", Limit.CPU),
            ("fill_memory", Limit.MEMORY),
            ("talk", Limit.OUTPUT),
            ("die", Limit.CRASH),
        ],
    )
    def test_it_is_ended_at_the_limit_and_says_which(self, function: str, limit: Limit) -> None:
        with pytest.raises(LimitMet) as met:
            list(run_limited(f"{HERE}:{function}", b"", LIMITS))

        assert met.value.limit is limit
        assert LIMITS.words(limit) in met.value.detail

    def test_it_is_ended_when_its_time_is_over_however_little_it_does(self) -> None:
        with pytest.raises(LimitMet) as met:
            list(run_limited(f"{HERE}:wait", b"", Limits(wall_s=2)))

        assert met.value.limit is Limit.TIME

    def test_each_step_has_its_own_time(self) -> None:
        spent = [0.7] * 4

        assert list(run_limited(f"{HERE}:burn", json.dumps(spent).encode(), LIMITS)) == spent

    def test_what_came_before_the_limit_stands(self) -> None:
        running = run_limited(f"{HERE}:search", b"", LIMITS)

        assert next(running) == "begun"
        with pytest.raises(LimitMet):
            next(running)

    def test_the_text_of_an_exception_stays_in_the_child(self) -> None:
        with pytest.raises(RuntimeError) as raised:
            list(run_limited(f"{HERE}:fail", b"", LIMITS))

        assert "secret" not in str(raised.value)

    def test_it_gets_no_setting_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WINNOW_SEAL_KEY", "hidden")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")

        (seen,) = run_limited(f"{HERE}:environment", b"", LIMITS)

        assert "hidden" not in seen.values()

    def test_who_stops_listening_ends_it(self) -> None:
        running = run_limited(f"{HERE}:wait", b"", LIMITS)
        child = next(running)

        running.close()  # type: ignore[attr-defined]

        assert not psutil.pid_exists(child)

    def test_it_dies_with_the_process_that_started_it(self) -> None:
        program = (
            "from foundation.running.limited import *;"
            f"run = run_limited('{HERE}:wait', b'', Limits());"
            "print(next(run), flush=True); next(run)"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        with parent.stdout:
            child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)

        parent.kill()
        parent.wait()

        assert wait_until(lambda: not psutil.pid_exists(child), timeout_s=20)
