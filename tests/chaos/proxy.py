"""A TCP proxy that does to a connection what networks do: delays, silence, cuts, answers that never arrive."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

PIECE = 16 << 10
SLOW_S = 0.3
CUT_AFTER_BYTES = 700


class Mode(StrEnum):
    PASS = "pass"
    SLOW = "slow"
    """Every piece waits a third of a second, both ways."""
    SILENT = "silent"
    """Connections are taken, and nothing passes."""
    REFUSE = "refuse"
    """Connections are reset at once."""
    CUT = "cut"
    """A connection is reset once it has carried some bytes to the server."""
    LOSE_ANSWER = "lose_answer"
    """The server hears all, the client nothing: its connection is reset at the first byte of an answer."""


@dataclass
class Proxy:
    """Listens on a port of its own and passes on to another; `mode` may be changed at any time."""

    to: tuple[str, int]
    mode: Mode = Mode.PASS
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop, repr=False)
    _open: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    def start(self) -> Proxy:
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(ready,), daemon=True, name=f"proxy to {self.to[1]}").start()
        ready.wait(10)
        return self

    def set(self, mode: Mode) -> None:
        """From now on. What is open is cut, unless all passes again or is slow only."""
        self.mode = mode
        if mode is not Mode.SLOW:
            self._loop.call_soon_threadsafe(self._cut_all)

    def _cut_all(self) -> None:
        for task in tuple(self._open):
            task.cancel()

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._meet, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        there: asyncio.StreamWriter | None = None
        try:
            if self.mode is Mode.REFUSE:
                _reset(writer)
                return
            answers, there = await asyncio.open_connection(*self.to)
            await asyncio.gather(self._pass(reader, there, writer, to_server=True), self._pass(answers, writer, writer))
        except (OSError, asyncio.CancelledError):
            _reset(writer)
        finally:
            for one in (writer, there):
                if one is not None:
                    one.close()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        *,
        to_server: bool = False,
    ) -> None:
        carried = 0
        while piece := await reader.read(PIECE):
            while self.mode is Mode.SILENT:
                await asyncio.sleep(0.05)
            if self.mode is Mode.SLOW:
                await asyncio.sleep(SLOW_S)
            if self.mode is Mode.CUT and to_server:
                piece = piece[: max(0, CUT_AFTER_BYTES - carried)]
            if self.mode is Mode.LOSE_ANSWER and not to_server:
                _reset(client)
                raise ConnectionResetError
            carried += len(piece)
            writer.write(piece)
            await writer.drain()
            if self.mode is Mode.CUT and to_server and carried >= CUT_AFTER_BYTES:
                _reset(client)
                raise ConnectionResetError
        with suppress(OSError):
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection as a network does: without a word."""
    with suppress(OSError):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
