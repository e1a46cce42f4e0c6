"""Failpoints act where and when a test says, and never in production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import monotonic

import pytest

from foundation.failpoints import Action, FailpointReached, failpoint, parse_failpoints

PASS_THREE_TIMES = """
from foundation.failpoints import failpoint
for turn in range(3):
    failpoint("push.after_import")
    print(turn, flush=True)
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PASS_THREE_TIMES],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class TestFailpoint:
    def test_it_does_nothing_unless_armed(self):
        failpoint("push.after_import")

    def test_it_costs_next_to_nothing(self):
        started = monotonic()
        for _ in range(100_000):
            failpoint("push.after_import")

        assert monotonic() - started < 0.5

    def test_it_kills_at_the_hit_it_is_told(self):
        ended = run(WINNOW_FAILPOINTS="push.after_import=kill@2")

        assert ended.returncode == -signal.SIGKILL
        assert ended.stdout.split() == ["0"]

    def test_it_raises(self):
        ended = run(WINNOW_FAILPOINTS="erase.blobs=kill, push.after_import=raise")

        assert ended.returncode == 1
        assert FailpointReached.__name__ in ended.stderr

    def test_it_stops_until_continued(self):
        child = subprocess.Popen(
            [sys.executable, "-c", PASS_THREE_TIMES],
            env={**os.environ, "WINNOW_FAILPOINTS": "push.after_import=stop@3"},
            stdout=subprocess.PIPE,
        )
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

        os.kill(child.pid, signal.SIGCONT)
        out, _ = child.communicate(timeout=30)
        assert out.split() == [b"0", b"1", b"2"]

    def test_production_arms_none(self):
        ended = run(WINNOW_FAILPOINTS="push.after_import=kill", WINNOW_ENV="production")

        assert ended.returncode == 0


class TestParseFailpoints:
    def test_each_place_has_its_action_and_hit(self):
        armed = parse_failpoints({"WINNOW_FAILPOINTS": "push.after_import=kill@2,erase.blobs=raise"})

        assert {name: (point.action, point.at_hit) for name, point in armed.items()} == {
            "push.after_import": (Action.KILL, 2),
            "erase.blobs": (Action.RAISE, 1),
        }

    @pytest.mark.parametrize("written", ["push", "push=die", "push=kill@0", "push=kill@x", "=kill", "a=kill,,b=kill"])
    def test_a_mistake_is_told(self, written):
        with pytest.raises(ValueError, match="WINNOW_FAILPOINTS"):
            parse_failpoints({"WINNOW_FAILPOINTS": written})
