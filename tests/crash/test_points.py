"""That what kills at each write really does: at the call that was named, before it is done, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.agreed import DATABASE, FILES, Agreed
from tests.crash.forked import Asked, Forks

ROOT = Path(__file__).resolve().parents[2]
KILLED = -9
MAKE_A_KEY = [["winnow", "keys", "create", "--role", "admin"]]


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    forks = Forks(ROOT, {"PATH": os.environ["PATH"], "WINNOW_HOME": str(tmp_path / "home")})
    yield forks
    forks.end()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="the numbers of system calls")
class TestForks:
    def test_a_death_at_a_call_comes_before_it_and_leaves_the_next_run_whole(
        self, forks: Forks, tmp_path: Path
    ) -> None:
        at_once = forks.run(Asked(MAKE_A_KEY, kill_at=1))
        has_begun = (tmp_path / "home").exists()
        whole = forks.run(Asked(MAKE_A_KEY))
        again = forks.run(Asked(MAKE_A_KEY))
        halfway = forks.run(Asked(MAKE_A_KEY, kill_at=len(again.calls) // 2))
        after = forks.run(Asked(MAKE_A_KEY))

        assert (at_once.code, len(at_once.calls), has_begun) == (KILLED, 1, False)
        assert (whole.code, again.code, after.code) == (0, 0, 0), (whole.said, again.said, after.said)
        assert (halfway.code, halfway.calls) == (KILLED, again.calls[: len(again.calls) // 2])
        assert {"pwrite64", "fsync"} & set(again.calls)
        assert (tmp_path / "home" / DATABASE).exists()

    def test_a_program_that_fails_by_itself_says_so(self, forks: Forks) -> None:
        ran = forks.run(Asked([["winnow", "exports", "build", "nowhere"], *MAKE_A_KEY]))

        assert ran.code == 1
        assert "error:" in ran.said
        assert "winnow_admin_" not in ran.said


class TestAgreed:
    def test_what_differs_between_two_undisturbed_runs_is_not_asked_for_and_all_else_is(self) -> None:
        one = {"items": [{"id": "a", "at": 1}, {"id": "b", "at": 2}], FILES: [], "jobs": [{"id": 1}]}
        other = {"items": [{"id": "b", "at": 3}, {"id": "a", "at": 4}], FILES: [], "jobs": [{"id": 2}]}

        agreed = Agreed.of(one, other)

        assert agreed.differences({**other, "jobs": [{"id": 3}, {"id": 4}]}) == []
        assert agreed.differences({"items": one["items"][:1], FILES: []}) == ["items: 1 missing of ['b']"]
        assert agreed.differences({**one, "items": [*one["items"], {"id": "b", "at": 9}]}) == [
            "items: 1 too many of ['b']"
        ]
