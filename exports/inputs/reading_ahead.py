"""Reads a stream a few batches ahead in a thread, so that a database and a writer work at the same time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
BATCHES_AHEAD: Final = 4
"""Reading goes on while a row group is written."""


@dataclass(frozen=True)
class _Ended(Generic[T]):
    """The source is read to its end, or broke."""

    error: BaseException | None


def read_ahead(source: Iterable[T]) -> Generator[T, None, None]:
    """Yields what the source yields, in its order; the source's error is raised here.

    The source is read in one thread of its own. Close the iterator (or read it to its end) to end the thread.
    """
    waiting: queue.Queue[T | _Ended[T]] = queue.Queue(maxsize=BATCHES_AHEAD)
    abandoned = threading.Event()
    reader = threading.Thread(target=_read, args=(source, waiting, abandoned), name="read-ahead", daemon=True)
    reader.start()
    try:
        while not isinstance(batch := waiting.get(), _Ended):
            yield batch
        if batch.error is not None:
            raise batch.error
    finally:
        abandoned.set()
        while reader.is_alive():
            _drain(waiting)
            reader.join(timeout=0.05)


def _read(source: Iterable[T], waiting: queue.Queue[T | _Ended[T]], abandoned: threading.Event) -> None:
    try:
        for batch in source:
            waiting.put(batch)
            if abandoned.is_set():
                return
    except BaseException as error:  # noqa: BLE001 - handed to the consumer, who raises it
        waiting.put(_Ended(error))
    else:
        waiting.put(_Ended(None))


def _drain(waiting: queue.Queue[T | _Ended[T]]) -> None:
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return
