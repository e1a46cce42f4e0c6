"""What schemathesis cannot know from the document.

A cursor is what the page before told: a made one is the empty one. A word of a consent is nobody's number. A moment is past.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st

SECONDS = st.integers(1_000_000_000, 1_760_000_000)

schemathesis.openapi.format("cursor", st.just(""))
schemathesis.openapi.format("word", st.sampled_from(["training", "research", "1", "2"]))
schemathesis.openapi.format("rfc3339", SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC).isoformat()))
schemathesis.openapi.format("date-time", SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC).isoformat()))


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """No consent of the future, which generators like to try: it is refused, and a schema has no word for it."""
    if isinstance(body, dict):
        for consent in (body, body.get("consent")):
            if isinstance(consent, dict) and _is_future(consent.get("given_at")):
                consent["given_at"] = "2026-01-01T00:00:00Z"
    return body


def _is_future(written: Any) -> bool:
    try:
        return isinstance(written, str) and datetime.fromisoformat(written) > datetime.now(UTC)
    except (ValueError, TypeError):
        return False
