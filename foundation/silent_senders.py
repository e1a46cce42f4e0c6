"""Ends connections that fell silent in the middle of a body.

granian waits for the rest of a body for ever, and the thread that reads it cannot be called back: it holds one of the
threads that serve everybody. Only closing the connection frees it. Which connection a thread reads from is not told, so
for each reader that is overdue the connection to our port ends that has been silent for longest, in both directions: one
that holds a reader, or an idle one, which its client may expect to be closed at any time. Who waits for an answer behind
the silent ones has come after them and is left alone. A reader that is overdue by twice its time has a client that is not
silent but sends byte by byte: for it the connection ends that has gone without an answer for longest.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from operator import itemgetter
from time import monotonic

LOOK_EVERY_S = 1.0
SILENT_MS = 2000

# struct tcp_info of linux/tcp.h: eight bytes, then 32-bit numbers, of which the 10th and the 12th tell how many
# milliseconds ago something was sent and received.
_TCP_INFO = struct.Struct("8x 9I I I I")
_LAST_SENT, _LAST_RECEIVED = 9, 11


@dataclass(frozen=True, slots=True)
class _Reader:
    overdue_at: float
    after_s: float
    port: int


_lock = threading.Lock()
_readers: dict[object, _Reader] = {}
_watches = False


@contextmanager
def ended_when_silent(port: int, *, after_s: float) -> Iterator[None]:
    """While the block reads a body that came in on this port, it may take this long; then silent connections are ended."""
    reader = object()
    with _lock:
        _readers[reader] = _Reader(monotonic() + after_s, after_s, port)
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
            overdue = [reader for reader in _readers.values() if reader.overdue_at < now]
        if overdue:
            ports = {reader.port for reader in overdue}
            end_longest(ports, _silent_for_ms, at_most=len(overdue), over_ms=SILENT_MS)
        if late := [reader for reader in overdue if reader.overdue_at + reader.after_s < now]:
            over_ms = int(2000 * min(reader.after_s for reader in late))
            end_longest({reader.port for reader in late}, _unanswered_for_ms, at_most=len(late), over_ms=over_ms)


def end_longest(ports: set[int], for_ms: Callable[[socket.socket], int], *, at_most: int, over_ms: int) -> None:
    """Ends those connections to the ports for which `for_ms` is largest, as far as it is over a limit."""
    with ExitStack() as stack:
        found: list[tuple[int, socket.socket]] = []
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
            with suppress(OSError):
                connection = stack.enter_context(_own_socket(int(name)))
                if _came_in_on(ports, connection):
                    found.append((for_ms(connection), connection))
        found.sort(key=itemgetter(0), reverse=True)
        for milliseconds, connection in found[:at_most]:
            if milliseconds > over_ms:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _own_socket(descriptor: int) -> socket.socket:
    """A second handle of a socket, for us to close.

    Raises:
        OSError: it is no socket, or was closed meanwhile.
    """
    own = os.dup(descriptor)
    try:
        return socket.socket(fileno=own)
    except OSError:
        os.close(own)  # or each look would double what the process has open
        raise


def _came_in_on(ports: set[int], connection: socket.socket) -> bool:
    if connection.family not in {socket.AF_INET, socket.AF_INET6} or connection.type != socket.SOCK_STREAM:
        return False
    connection.getpeername()
    return connection.getsockname()[1] in ports


def _silent_for_ms(connection: socket.socket) -> int:
    numbers = _tcp_info(connection)
    return min(numbers[_LAST_SENT], numbers[_LAST_RECEIVED])


def _unanswered_for_ms(connection: socket.socket) -> int:
    return _tcp_info(connection)[_LAST_SENT]


def _tcp_info(connection: socket.socket) -> tuple[int, ...]:
    return _TCP_INFO.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
