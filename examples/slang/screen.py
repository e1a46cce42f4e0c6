"""What the demo shows while it runs: bars on a terminal, plain lines in a pipe, and one table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.slang.findings import Findings

PLAIN_WIDTH = 160


class Screen:
    """Writes to stdout; a pipe gets no bars, no colours and no cut lines."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        self._console.print(f"[{time.monotonic() - self._began:5.0f} s] {text}", markup=False, highlight=False)

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """A step that can be counted; call what it yields with the number of things just done."""
        if not self._console.is_terminal:
            self.say(f"{text} ({total:,})")
            yield lambda _done: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as bars:
            bar = bars.add_task(text, total=total)
            yield lambda done: bars.advance(bar, done)
        self.say(text)

    def show(self, findings: Findings) -> None:
        """The table, and a plain line for each thing that did not hold."""
        table = Table(title="Sentiment of slang, from phone to training set", show_header=False, title_justify="left")
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for rows in findings.sections:
            for row in rows:
                table.add_row(row.name, row.value)
            table.add_section()
        self._console.print(table, markup=False, highlight=False)
        for failure in findings.failures:
            self._console.print(f"DID NOT HOLD: {failure}", markup=False, highlight=False)
