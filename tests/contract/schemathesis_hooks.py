"""What schemathesis cannot know from the document.

A cursor is what the page before told: a made one is the empty one. A word of a consent is nobody's number. A moment is past.
"""

from __future__ import annotations

from datetime import UTC, datetime

import schemathesis
from hypothesis import strategies as st

SECONDS = st.integers(1_000_000_000, 1_760_000_000)

schemathesis.openapi.format("cursor", st.just(""))
schemathesis.openapi.format("word", st.sampled_from(["training", "research", "1", "2"]))
schemathesis.openapi.format("date-time", SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC).isoformat()))
