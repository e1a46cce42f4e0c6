"""What every command shares: JSON to stdout alone, everything else to stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from foundation.errors import DomainError, UsageError

SECTIONS = "winnow.sections"
"""Under this name a command finds what reads the sections of a project file."""
RECORDS = "winnow.records"
"""Under this name it finds what the domains add to a person's record."""
PROJECTS = "winnow.projects"
"""Under this name it finds how projects are found and named (`foundation.projects`)."""
DID_NOT_HOLD = 1
USAGE = 2
UUID_CHARS = 36
Command = click.Command
Decorated = TypeVar("Decorated", bound=Callable[..., Any])
PIPE_WIDTH = 1000
"""What reads a pipe has no edge at which lines should break."""


class LazyGroup(click.Group):
    """A domain's commands, imported when one of them is asked for, so that `winnow --help` stays instant.

    What the roof hands down, its commands find by name in `click.Context.meta`.
    """

    def __init__(self, name: str, place: str, help_text: str, handed_down: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, help=help_text)
        self.place = place
        self.handed_down = handed_down or {}

    def _loaded(self) -> click.Group:
        module, _, attribute = self.place.partition(":")
        group = getattr(import_module(module), attribute)
        if not isinstance(group, click.Group):
            raise TypeError(f"{self.place} is no group of commands")
        return group

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; a mistake in how it was called is told in one line, as every other one is."""
        ctx.meta.update(self.handed_down)
        with usage_told_in_one_line(ctx):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._loaded().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._loaded().get_command(ctx, cmd_name)


class CommandLine(click.Group):
    """The command of an application: its commands in their own order, and what is done before any of them."""

    def __init__(
        self, name: str, help_text: str, commands: Sequence[click.Command], *, begin: Callable[[], None]
    ) -> None:
        super().__init__(name, help=help_text, commands=commands, no_args_is_help=True)
        self.begin = begin

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        self.begin()
        with usage_told_in_one_line(ctx):
            return super().invoke(ctx)


@contextmanager
def usage_told_in_one_line(context: click.Context) -> Iterator[None]:
    """A mistake in how a command was called is told without the usage of all of it; ends with exit code 2."""
    try:
        yield
    except click.UsageError as error:
        called = (error.ctx or context).command_path
        told = " ".join(error.format_message().split()).rstrip(".")
        say(f"error: {told}. `{called} --help` says how it is used.")
        raise SystemExit(USAGE) from error


def elsewhere(asks: str, role: str = "read") -> Callable[[Decorated], Decorated]:
    """The options of a command that works here, or on another installation: it is called with `url` and `key`.

    Args:
        asks: what is asked of the other one, as `--help` tells it.
        role: of the key that it takes.
    """

    def decorate(command: Decorated) -> Decorated:
        key = click.option(
            "--key", envvar="WINNOW_KEY", help=f"A {role} key of that server; better given as WINNOW_KEY."
        )
        return click.option("--url", help=asks)(key(command))

    return decorate


def print_json(value: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def print_table(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows for a person, on stdout; no cell is cut, since an id is copied from here."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    if not rows:
        console.print(f"{title}: none", markup=False, highlight=False)
        return
    console.print(title, markup=False, highlight=False)
    table = Table()
    texts = [["" if value is None else printable(str(value)) for value in row.values()] for row in rows]
    for name, cells in zip(rows[0], zip(*texts, strict=True), strict=True):
        is_id = all(len(cell) == UUID_CHARS and " " not in cell for cell in cells)
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=is_id)
    for row_of_texts in texts:
        table.add_row(*map(escape, row_of_texts))
    console.print(table)


def printable(text: str) -> str:
    """Text from outside, which may be forged, without anything that a terminal would obey.

    >>> printable("café\\x1b[2J")
    'café\\\\x1b[2J'
    """
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def say(text: str) -> None:
    """A line for a person, on stderr; where that takes none, as a file on a full disk, the work goes on without."""
    with suppress(OSError):
        click.echo(printable(text), err=True)


@contextmanager
def progress_through(file: Path, label: str, *, shown: bool = True) -> Iterator[Callable[[int], object]]:
    """A progress bar on stderr, in bytes of a file, where stderr is a terminal; gives what moves it on."""
    if not (shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    with click.progressbar(length=file.stat().st_size, label=label, file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns an expected failure into its one line and an exit code: 2 for wrong input, 1 for what did not hold."""
    try:
        yield
    except DomainError as error:
        for fault in error.faults:
            say(f"{fault.pointer or '/'}: {fault.detail}")
        if error.faults.more:
            say(f"and {error.faults.more} more mistakes")
        say(f"error: {error.detail}")
        raise SystemExit(USAGE if isinstance(error, UsageError) else DID_NOT_HOLD) from error
