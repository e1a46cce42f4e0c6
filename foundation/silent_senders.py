"""Ends connections that fell silent in the middle of a body.

granian waits for the rest of a body for ever, and the thread that reads it cannot be called back: it holds one of the
threads that serve everybody. Only closing the connection frees it. Which connection a thread reads from is not told, so
for each reader that is overdue the connection to our port ends that has been silent for longest, in both directions: one
that holds a reader, or an idle one, which its client may expect to be closed at any time. Who waits for an answer behind
the silent ones has come after them and is left alone.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from operator import itemgetter
from time import monotonic

LOOK_EVERY_S = 1.0
SILENT_MS = 2000

# struct tcp_info of linux/tcp.h: eight bytes, then 32-bit numbers, of which the 10th and the 12th tell how many
# milliseconds ago something was sent and received.
_TCP_INFO = struct.Struct("8x 9I I I I")
_LAST_SENT, _LAST_RECEIVED = 9, 11

_lock = threading.Lock()
_readers: dict[object, tuple[float, int]] = {}
_watches = False


@contextmanager
def ended_when_silent(port: int, *, after_s: float) -> Iterator[None]:
    """While the block reads a body that came in on this port, it may take this long; then silent connections are ended."""
    reader = object()
    with _lock:
        _readers[reader] = (monotonic() + after_s, port)
        _watch_from_now_on()
    try:
        yield
    finally:
        with _lock:
            del _readers[reader]


def _watch_from_now_on() -> None:
    global _watches  # noqa: PLW0603 - one thread a process
    if not _watches and sys.platform == "linux":
        _watches = True
        threading.Thread(target=_watch, name="silent-senders", daemon=True).start()


def _watch() -> None:
    pause = threading.Event()
    while not pause.wait(LOOK_EVERY_S):
        now = monotonic()
        with _lock:
            overdue = [port for overdue_at, port in _readers.values() if overdue_at < now]
        if overdue:
            _end_silent_connections(set(overdue), at_most=len(overdue))


def _end_silent_connections(ports: set[int], *, at_most: int) -> None:
    with ExitStack() as stack:
        silent: list[tuple[int, socket.socket]] = []
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
            with suppress(OSError):
                connection = stack.enter_context(socket.socket(fileno=os.dup(int(name))))
                if _came_in_on(ports, connection):
                    silent.append((_silent_for_ms(connection), connection))
        silent.sort(key=itemgetter(0), reverse=True)
        for silent_for_ms, connection in silent[:at_most]:
            if silent_for_ms > SILENT_MS:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _came_in_on(ports: set[int], connection: socket.socket) -> bool:
    if connection.family not in {socket.AF_INET, socket.AF_INET6} or connection.type != socket.SOCK_STREAM:
        return False
    connection.getpeername()
    return connection.getsockname()[1] in ports


def _silent_for_ms(connection: socket.socket) -> int:
    numbers = _TCP_INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
    return int(min(numbers[_LAST_SENT], numbers[_LAST_RECEIVED]))
