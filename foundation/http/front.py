"""The web server's side of the application: reads each body whole in the event loop, then lets a thread answer it.

The server speaks ASGI, the application WSGI. While a body arrives and while an answer leaves no thread is held, so slow
clients cost a connection and what they have sent, and nobody else's time. Nothing is written to a file on the way.

Libraries were looked at: a2wsgi holds a thread while the body arrives, asgiref spools bodies to files.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import chain
from typing import Any, Protocol, TypeVar

from foundation.errors import DomainError, TimedOut, TooLarge, Unavailable, Unparseable
from foundation.http.wsgi_environment import IS_WHOLE, LEASE, Environ, Headers, Scope, environ_of
from foundation.memory_budget import SMALL_BODY_BYTES, Budget, Lease

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
T = TypeVar("T")

READING_AT_ONCE, STORING_AT_ONCE, IMPORTING_AT_ONCE = 8, 2, 2
"""Threads of each lane. Python runs one thread at a time: two that store keep it busy while the other waits for the database,
and more only keep the event loop waiting, which runs beside them (refusals under overload: 2 threads 33 ms, 4: 85, 8: 214)."""
LARGE_BODY_BYTES = 1 << 20
"""Larger bodies are imports, with a lane of their own: they do not stand before the phones."""
MOST_WAITING = 192
"""Requests of a lane that may wait for a thread: at 20 ms a batch they are answered within some four seconds. Whoever comes then
is told at once to come again, which costs a phone less than waiting, and the rest of us nothing."""
PATIENCE_S = 4.0
"""How long a large body waits for room among those of others."""
LOOK_EVERY_S = 0.05
STALLED_S = 60.0
"""A client that takes nothing of its answer for so long is given up."""
IDLE_S = 60
"""How long a connection may rest between two calls (`--http1-header-read-timeout` of the server, 60 s at most)."""
STAYS_OPEN, CLOSES = (b"keep-alive", f"timeout={IDLE_S - 2}".encode()), (b"connection", b"close")
OPEN_FILES = 16_384
DRAINED_FACTOR = 2
"""A body of up to so many times the limit is read to its end and forgotten before it is answered 413."""


class Application(Protocol):
    def __call__(self, environ: Any, start_response: Any, /) -> Any: ...


class Refuse(Protocol):
    """The whole answer to a request that the application never sees: status, headers, body. It may wait for nothing."""

    def __call__(self, scope: Scope, error: DomainError, /) -> tuple[int, Headers, bytes]: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a body may be: most bytes as sent, and how long it may take to arrive."""

    body_bytes: int
    deadline_s: float


@dataclass(slots=True)
class _Answer:
    status: int
    headers: Headers
    first: bytes
    rest: Iterator[bytes] | None = None
    close: Callable[[], object] = lambda: None


@dataclass(slots=True)
class _Body:
    """What came of a body: all of it, or its beginning and why it is refused."""

    kept: BytesIO
    size: int = 0
    refused: DomainError | None = None
    is_read: bool = True
    """Whether nothing of it is left on the connection."""


class _Lane:
    """Threads, and the turns that requests take at them."""

    def __init__(self, name: str, *, threads: int, most_waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._turns = asyncio.Semaphore(threads)
        self._here, self._most = 0, threads + most_waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises Unavailable at once where too many wait already."""
        if self._here >= self._most:
            raise Unavailable("too many requests wait for an answer: send the same again")
        self._here += 1
        try:
            async with self._turns:
                yield
        finally:
            self._here -= 1

    async def call(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)


class Front:
    """An ASGI application around a WSGI one.

    Args:
        application: the WSGI application; its environment has `LEASE` and `IS_WHOLE`.
        refuse: answers what is refused here, in the event loop: to be refused must cost no thread and no time.
        bounds: of each body.
        budget: of all bodies together.
        knows: whether a key is one of ours, from the Authorization header; asked in a thread before more than a small
            body is kept. Who has none is not refused here: the application says so better.
    """

    def __init__(
        self,
        application: Application,
        *,
        refuse: Refuse,
        bounds: Bounds,
        budget: Budget,
        knows: Callable[[str], bool],
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._application, self._refuse = application, refuse
        self._bounds, self._budget, self._knows = bounds, budget, knows
        # Three, so that reads and health are answered while what stores is more than can be done, and phones beside imports.
        self._reading = _Lane("reading", threads=READING_AT_ONCE, most_waiting=most_waiting)
        self._storing = _Lane("storing", threads=STORING_AT_ONCE, most_waiting=most_waiting)
        self._importing = _Lane("importing", threads=IMPORTING_AT_ONCE, most_waiting=most_waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        lease = Lease(self._budget)
        try:
            body = await self._read(scope, receive, lease)
            answer = await self._answer(scope, body, lease)
        finally:
            lease.end()
        answer.headers.append(STAYS_OPEN if body.is_read else CLOSES)
        del body
        await self._send(answer, receive, send)

    async def _answer(self, scope: Scope, body: _Body, lease: Lease) -> _Answer:
        """What the application says, in a thread when its turn has come and there is memory for it; or a refusal."""
        if body.refused is not None:
            return _Answer(*self._refuse(scope, body.refused))
        try:
            lane = self._lane_of(body.size)
            async with lane.turn():
                await _as_soon_as_there_is_room(partial(lease.work_on, body.size), patience_s=PATIENCE_S)
                environ = environ_of(scope, body.kept, body.size)
                environ.update({LEASE: lease, IS_WHOLE: True})
                body.kept = BytesIO()  # only the environment has it now, and lets it go when it is read
                return await lane.call(self._begin, environ)
        except Unavailable as refused:
            return _Answer(*self._refuse(scope, refused))

    def _lane_of(self, body_bytes: int) -> _Lane:
        if not body_bytes:
            return self._reading
        return self._storing if body_bytes <= LARGE_BODY_BYTES else self._importing

    async def _read(self, scope: Scope, receive: Receive, lease: Lease) -> _Body:
        body = _Body(BytesIO())
        length = _length_of(scope["headers"])
        if length == 0:
            return body
        # Who waits to be told to continue has sent nothing yet.
        waits = any(name == b"expect" for name, _ in scope["headers"])
        if length is not None and length > self._bounds.body_bytes * (1 if waits else DRAINED_FACTOR):
            body.refused, body.is_read = self._too_large(), False
            return body
        try:
            async with asyncio.timeout(self._bounds.deadline_s):
                await self._receive(scope, receive, lease, body, length)
        except TimeoutError:
            detail = f"The body has to arrive within {self._bounds.deadline_s:g} seconds; send less at a time."
            body.refused, body.is_read = TimedOut(detail), False
        if body.refused is not None:
            self._forget(body, lease, body.refused)
        return body

    async def _receive(self, scope: Scope, receive: Receive, lease: Lease, body: _Body, length: int | None) -> None:
        """Fills `body`. What is refused is read on and forgotten: most clients hear an answer only when they have sent all."""
        most = min(SMALL_BODY_BYTES, self._bounds.body_bytes)
        has_asked = False
        while length is None or body.size < length:
            message = await receive()
            if message["type"] == "http.disconnect":
                body.refused, body.is_read = _cut(), False
                return
            piece = message.get("body", b"")
            body.size += len(piece)
            if body.size > most and not has_asked:
                has_asked = True
                try:
                    most = self._bounds.body_bytes if await self._is_known(scope["headers"]) else most
                except Unavailable as refused:
                    self._forget(body, lease, refused)
            if body.size > self._bounds.body_bytes and body.refused is None:
                self._forget(body, lease, self._too_large())
            if body.size > DRAINED_FACTOR * self._bounds.body_bytes:
                body.is_read = False
                return
            if body.size <= most and body.refused is None:
                take = partial(lease.arrive, len(piece), most_bytes=self._bounds.body_bytes)
                try:
                    await _as_soon_as_there_is_room(take, patience_s=PATIENCE_S)
                    body.kept.write(piece)
                except Unavailable as refused:
                    self._forget(body, lease, refused)
            if not message.get("more_body"):
                return

    def _forget(self, body: _Body, lease: Lease, error: DomainError) -> None:
        body.refused, body.kept = error, BytesIO()
        lease.end()

    def _too_large(self) -> TooLarge:
        limit = self._bounds.body_bytes
        return TooLarge(f"The body may have at most {limit} bytes; send it in smaller batches.", limit_bytes=limit)

    async def _is_known(self, headers: Headers) -> bool:
        authorization = b",".join(value for name, value in headers if name == b"authorization")
        if not authorization:
            return False
        return await self._reading.call(self._knows, authorization.decode("latin-1"))

    def _begin(self, environ: Environ) -> _Answer:
        """Runs in a thread. An answer of one piece comes whole, another one with what the next pieces come from."""
        answer = _Answer(500, [], b"")

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:  # noqa: ARG001
            answer.status = int(status[:3])
            answer.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

        result = self._application(environ, start_response)
        close = getattr(result, "close", answer.close)
        pieces = iter(result)
        answer.first = next(pieces, b"")
        second = next(pieces, None)
        if second is None:
            close()
        else:
            answer.rest, answer.close = chain([second], pieces), close
        return answer

    async def _send(self, answer: _Answer, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if answer.rest is None:
            await send({"type": "http.response.body", "body": answer.first})
            return
        is_gone = asyncio.ensure_future(_until_gone(receive))
        piece: bytes | None = answer.first
        try:
            while piece is not None:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                if is_gone.done():
                    return
                piece = await self._reading.call(next, answer.rest, None)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            return  # without the last piece the server breaks the connection off, so that nobody takes it for whole
        finally:
            is_gone.cancel()
            await self._reading.call(answer.close)


def allow_many_connections() -> None:
    """Each connection is an open file, and the usual limit of 1,024 is soon reached by phones that keep theirs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _as_soon_as_there_is_room(take: Callable[[], None], *, patience_s: float) -> None:
    """Takes memory now, or when others have given back theirs. What is not read meanwhile waits with its sender.

    Raises:
        Unavailable: there was none for so long.
    """
    loop = asyncio.get_running_loop()
    gives_up_at = loop.time() + patience_s
    while True:
        try:
            return take()
        except Unavailable:
            if loop.time() >= gives_up_at:
                raise
        await asyncio.sleep(LOOK_EVERY_S)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _length_of(headers: Headers) -> int | None:
    """Bytes of the body; None when it comes in chunks. The server lets no other Content-Length pass than one number."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length


def _cut() -> Unparseable:
    return Unparseable("The connection ended before the body did; send it again.", reason="body_incomplete")
