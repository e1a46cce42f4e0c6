"""Lines of JSON in, a scrubbed text a record out, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collector.anonymization.scrub import Scrubbed, scrub_texts
from collector.text_lines import texts_of
from foundation.errors import UsageError

_BATCH = 100


def scrub_lines(lines: Iterable[bytes], *, field: str) -> Iterator[Scrubbed]:
    """Scrubs one text field of each JSON object, in the order of the lines; blank lines are passed over.

    Raises:
        UsageError: as for `texts_of`; what stands before it was yielded.
    """
    batch: list[str] = []
    try:
        for _, text in texts_of(lines, field=field):
            batch.append(text)
            if len(batch) == _BATCH:
                yield from scrub_texts(batch)
                batch = []
    except UsageError:
        yield from scrub_texts(batch)
        raise
    yield from scrub_texts(batch)
