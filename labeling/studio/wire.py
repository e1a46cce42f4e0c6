"""One HTTP exchange with Label Studio: a deadline, a cap on what is read, no redirects, and a reason for every refusal."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from foundation.json_weight import count_parts
from labeling.errors import StudioGone, StudioRefused, StudioUnavailable, StudioUnreadable

if TYPE_CHECKING:
    import httpx

MAX_RESPONSE_BYTES = 32 * 1024 * 1024
MAX_PARTS = 1_000_000
"""Most lists, objects and members of an answer: two bytes of JSON can become a hundred times as many in memory."""
READ_ATTEMPTS = 3
LONGEST_PAUSE_S = 4.0
LONGEST_DETAIL = 300
LONGEST_WAIT_S = 3600
"""However long it asks us to stay away."""
ACCESS_TOKEN_S = 240.0
"""Label Studio's access tokens last 300 s."""
TRY_LATER = frozenset({408, 425, 429, 502, 503, 504})
TOLD = ("label_config", "title", "maximum_annotations")
WANTED = {"Accept": "application/json", "Accept-Encoding": "identity"}
UNEXPLAINED = "it does not say why"
REFUSED_TOKEN = "Label Studio does not take our token: set WINNOW_LABEL_STUDIO_TOKEN to one that is valid"  # noqa: S105


@dataclass
class Wire:
    """Speaks HTTP with one Label Studio. Only `read` is repeated; `write` never is: a lost answer may hide a deed done."""

    url: str
    token: str
    timeout_s: float
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    _client: httpx.Client | None = field(default=None, init=False)
    _access: tuple[str, float] | None = field(default=None, init=False)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def read(self, path: str, **query: str | int) -> Any:
        """The JSON of a GET, asked for up to three times.

        Raises:
            StudioUnavailable: it does not answer. StudioUnreadable: what it answers is of no use. StudioGone: 404.
            StudioRefused: it does not want to.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        attempts = Retrying(
            retry=retry_if_exception(lambda error: type(error) is StudioUnavailable),
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.3, max=LONGEST_PAUSE_S),
            sleep=self.sleep,
            reraise=True,
        )
        return attempts(self._exchange, "GET", path, params=query)

    def write(self, method: str, path: str, *, body: Any = None, **query: str | int) -> Any:
        """The JSON of a call that changes something, made once; None where the answer is empty. Raises as `read`."""
        return self._exchange(method, path, params=query, content=None if body is None else orjson.dumps(body))

    def _exchange(self, method: str, path: str, *, params: Any, content: bytes | None = None) -> Any:
        headers = {"Authorization": self._authorization(), **WANTED}
        if content is not None:
            headers["Content-Type"] = "application/json"
        status, body, retry_after = self._raw(method, path, params=params, content=content, headers=headers)
        if status == 401 and self._access is not None:
            self._access = None
        return _judged(status, body, retry_after)

    def _raw(self, method: str, path: str, **parts: Any) -> tuple[int, bytes, str]:
        import httpx

        deadline = time.monotonic() + self.timeout_s
        client = self._opened()
        # A byte of the head now and then would keep us for ever: only the body is seen to drip from here.
        cutter = threading.Timer(2 * self.timeout_s + 1, client.close)
        cutter.daemon = True
        cutter.start()
        try:
            with client.stream(method, path, **parts) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    # What was not asked for: a few packed bytes can stand for gigabytes.
                    raise StudioUnreadable("Label Studio's answer is packed, which it was not asked for")
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MAX_RESPONSE_BYTES:
                        raise StudioUnreadable("Label Studio's answer is larger than it may be")
                    if time.monotonic() > deadline:
                        raise StudioUnavailable("Label Studio's answer takes too long: try again later")
                return response.status_code, bytes(body), response.headers.get("Retry-After", "")
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise StudioUnavailable(
                f"Label Studio does not answer ({type(error).__name__}): see that it runs at WINNOW_LABEL_STUDIO_URL",
                retry_after_s=10,
            ) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise StudioUnreadable("Label Studio's answer broke off") from error
        finally:
            cutter.cancel()
            if client.is_closed:
                self._client = None

    def _opened(self) -> httpx.Client:
        if self._client is None:
            import httpx

            self._client = httpx.Client(
                base_url=self.url,
                timeout=httpx.Timeout(self.timeout_s, connect=min(5.0, self.timeout_s)),
                transport=self.transport,
                follow_redirects=False,
                trust_env=False,
            )
        return self._client

    def _authorization(self) -> str:
        """A token of 40 letters goes as it is; a personal access token buys a short-lived one first."""
        if self.token.count(".") != 2:
            return f"Token {self.token}"
        if self._access is None or time.monotonic() > self._access[1]:
            body = orjson.dumps({"refresh": self.token})
            status, answer, retry_after = self._raw(
                "POST", "/api/token/refresh/", content=body, headers={"Content-Type": "application/json", **WANTED}
            )
            bought = _judged(status, answer, retry_after)
            access = bought.get("access") if isinstance(bought, dict) else None
            if not isinstance(access, str) or not access.isascii() or not access.isprintable():
                raise StudioRefused(REFUSED_TOKEN)
            self._access = (access, time.monotonic() + ACCESS_TOKEN_S)
        return f"Bearer {self._access[0]}"


def _judged(status: int, body: bytes, retry_after: str) -> Any:
    """The JSON of a good answer; every other one by its reason."""
    if 300 <= status < 400:
        raise StudioRefused("Label Studio sends us elsewhere: set WINNOW_LABEL_STUDIO_URL to its own address")
    if status in {401, 403}:
        raise StudioRefused(REFUSED_TOKEN)
    if status in {404, 410}:
        raise StudioGone("Label Studio has nothing under this address (any more)")
    if status in TRY_LATER:
        raise StudioUnavailable(f"Label Studio answers {status}: try again later", retry_after_s=_seconds(retry_after))
    if status >= 500:
        raise StudioUnreadable(f"Label Studio failed with {status}: its log says why")
    if status >= 400:
        raise StudioRefused(f"Label Studio refused with {status}: {_reason(body)}")
    return _json(body) if body.strip() else None


def _json(body: bytes) -> Any:
    if count_parts(body) > MAX_PARTS:
        raise StudioUnreadable("Label Studio's answer has more parts than it may have")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _mended(body)


def _mended(body: bytes) -> Any:
    """What Python writes and JSON does not allow: lone surrogates become question marks. Others' junk must not stop us."""
    try:
        lenient = json.dumps(json.loads(body), ensure_ascii=False, allow_nan=False)
        return orjson.loads(lenient.encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise StudioUnreadable("Label Studio's answer is not JSON: is this the address of a Label Studio?") from error


def _reason(body: bytes) -> str:
    """Label Studio's own words about a refusal. Those about tasks repeat what stands in them: they are left out."""
    try:
        found = _json(body)
        errors = found.get("validation_errors")
        told = {name: errors[name] for name in TOLD if name in errors} if isinstance(errors, dict) else {}
        reasons = told or found.get("detail")
        return orjson.dumps(reasons).decode()[:LONGEST_DETAIL] if reasons else UNEXPLAINED
    except (StudioUnreadable, AttributeError, TypeError):
        return UNEXPLAINED


def _seconds(written: str) -> int:
    given = int(written) if written.isascii() and written.isdigit() and len(written) < 6 else 10
    given = min(max(1, given), LONGEST_WAIT_S)
    # Everybody who was turned away comes back at another moment.
    return given + random.randrange(1 + given // 2)  # noqa: S311
