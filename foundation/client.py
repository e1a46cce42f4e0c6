"""How a command asks another installation: JSON over HTTP with a key, its problems as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import (
    Conflict,
    DomainError,
    Fault,
    Forbidden,
    Gone,
    NotFound,
    Unauthorized,
    Unavailable,
    UsageError,
)

if TYPE_CHECKING:
    import httpx

TIMEOUT_S: Final = 60.0
READ_AT_ONCE: Final = 1 << 20
KINDS: Final[Mapping[int, type[DomainError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: UsageError,
    429: Unavailable,
    503: Unavailable,
}


@dataclass(frozen=True)
class Server:
    """Another installation, and a key for it."""

    url: str
    key: str

    @classmethod
    def at(cls, url: str, key: str | None) -> Server:
        """Raises UsageError where no key was given."""
        if not key:
            raise UsageError("--url needs a key: give --key or set WINNOW_KEY")
        return cls(url.rstrip("/"), key)

    def ask(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        """A JSON document.

        Raises:
            Unavailable: no answer, or none in JSON. DomainError: the other side's problem, in its own words.
        """
        import httpx

        with self._client() as client, _told_when_away():
            answer = client.request(method, path, **parts)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise _problem_of(answer)
        try:
            return dict(answer.json())
        except (ValueError, TypeError) as error:
            raise Unavailable("the server at --url answered without JSON: is it a Winnow?") from error

    def read(self, path: str) -> Iterator[bytes]:
        """A file in pieces."""
        import httpx

        with _told_when_away(), self._client() as client, client.stream("GET", path) as answer:
            if answer.status_code >= httpx.codes.BAD_REQUEST:
                answer.read()
                raise _problem_of(answer)
            yield from answer.iter_bytes(READ_AT_ONCE)

    def _client(self) -> httpx.Client:
        import httpx

        with _told_when_away():
            return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=TIMEOUT_S)


@contextmanager
def _told_when_away() -> Iterator[None]:
    """An answer that does not come becomes one sentence."""
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"the server at --url does not answer ({type(error).__name__})") from error


def _problem_of(answer: httpx.Response) -> DomainError:
    """The other side's problem, in its own words."""
    try:
        document = answer.json()
        faults = [Fault(fault["pointer"], fault["reason"], fault["detail"]) for fault in document.get("errors", [])]
        detail = str(document["detail"])
    except (ValueError, KeyError, TypeError):
        faults, detail = [], f"the server at --url answered {answer.status_code}"
    return KINDS.get(answer.status_code, DomainError)(detail, faults=faults)
