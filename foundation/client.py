"""How a command asks another installation: one JSON document over HTTP, its problems as ours."""

from __future__ import annotations

from typing import Any

from foundation.errors import DomainError, NotFound, Unauthorized, Unavailable, UsageError

TIMEOUT_S = 60.0
KINDS: dict[int, type[DomainError]] = {401: Unauthorized, 404: NotFound}


def fetch_json(url: str, key: str | None, path: str) -> dict[str, Any]:
    """A document of another installation.

    Raises:
        UsageError: no key was given. Unavailable: no answer. DomainError: the other side's problem, in its own words.
    """
    import httpx

    if not key:
        raise UsageError("--url needs a key: give --key or set WINNOW_KEY")
    try:
        answer = httpx.get(url.rstrip("/") + path, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"the server at --url does not answer ({type(error).__name__})") from error
    try:
        document = answer.json()
    except ValueError as error:
        raise Unavailable(f"the server at --url answered {answer.status_code} without JSON") from error
    if answer.status_code >= 400:
        raise KINDS.get(answer.status_code, DomainError)(str(document.get("detail", answer.status_code)))
    return dict(document)
