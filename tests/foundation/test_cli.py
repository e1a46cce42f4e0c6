"""What every command shares."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from foundation.cli import LazyGroup

KEYS = LazyGroup("keys", "foundation.keys_cli:commands", "Keys.")


class TestLazyGroup:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["create", "--role", "king"], "'king' is not one of 'ingest'"),
            (["create"], "Missing option '--role'"),
            (["create", "--colour", "red"], "No such option"),
            (["crown"], "No such command"),
        ],
    )
    def test_a_wrong_call_is_told_in_one_line_and_ends_with_2(self, arguments, said):
        done = CliRunner().invoke(KEYS, arguments)

        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
