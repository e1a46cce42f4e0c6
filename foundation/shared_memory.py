"""What several processes that answer requests have in common: a folder in memory, made by whoever starts them.

In memory, for a file that is mapped from a full disk ends whoever writes to it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import Metric

IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it, for its owner alone
FOR_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""By this variable, read when it is imported, prometheus_client counts in files there."""


def make_folder(home: Path) -> Path | None:
    """An empty folder in memory for the processes of an installation; None where this system has none.

    It has one name for each HOME, so that what a killed run has left goes with the next one.
    """
    remove_folder(home)
    try:
        _folder_of(home).mkdir(mode=0o700)
    except OSError:
        return None
    return _folder_of(home)


def remove_folder(home: Path) -> None:
    """Removes what `make_folder` made for it, if it did."""
    with suppress(OSError):
        shutil.rmtree(_folder_of(home))


def _folder_of(home: Path) -> Path:
    return IN_MEMORY / f"winnow-{os.getuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"


class MetricsOfAllProcesses:
    """A collector for Prometheus: the sums of what each process has counted, with what each metric says of itself."""

    def __init__(self, told_by: Iterable[Metric]) -> None:
        self._told = {metric.name: metric.documentation for metric in told_by}

    def collect(self) -> Iterable[Metric]:
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        of_all: Iterable[Metric] = MultiProcessCollector(CollectorRegistry()).collect()  # type: ignore[no-untyped-call]
        for metric in of_all:
            metric.documentation = self._told.get(metric.name, metric.documentation)
            yield metric
