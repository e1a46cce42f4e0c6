"""What every command shares: JSON to stdout alone, everything else to stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import orjson

from foundation.errors import DomainError, UsageError

DID_NOT_HOLD = 1
USAGE = 2


def print_json(value: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def say(text: str) -> None:
    """A line for a person, on stderr."""
    click.echo(text, err=True)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns an expected failure into its one line and an exit code: 2 for wrong input, 1 for what did not hold."""
    try:
        yield
    except DomainError as error:
        for fault in error.faults:
            say(f"{fault.pointer or '/'}: {fault.detail}")
        say(f"error: {error.detail}")
        raise SystemExit(USAGE if isinstance(error, UsageError) else DID_NOT_HOLD) from error
