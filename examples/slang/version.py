"""Looks into the downloaded version as the engineer would who trains with it: are the words, ratings and bytes right?"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from examples.slang.findings import Findings, counted
from examples.slang.mishaps import Planted
from examples.slang.words import SLOTS, Word

TOLERANCE = 1e-4
ENTITY = re.compile(r"<([A-Z_]+)>")


def broken_checksums(folder: Path) -> list[str]:
    """Files whose bytes are not those that manifest.sha256 names; as `sha256sum -c` would tell."""
    broken = []
    for line in (folder / "manifest.sha256").read_text().splitlines():
        digest, name = line.split(maxsplit=1)
        path = folder / name.lstrip("*")
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            broken.append(name)
    return broken


def examine(folder: Path, words: Mapping[str, Word], planted: Sequence[Planted], findings: Findings) -> None:
    """Compares the rows with the lexicon: no word altered, ten ratings each, their mean, nothing personal left."""
    import pyarrow.parquet as pq

    columns = ["text", "note", "sentiment", "sentiment_n"]
    rows = [
        row
        for path in sorted(folder.glob("data/*.parquet"))
        for row in pq.read_table(path, columns=columns).to_pylist()
    ]
    texts = Counter(row["text"] for row in rows)
    findings.expect("words in the version, as they stand in the list", len(texts.keys() & words.keys()), len(words))
    findings.expect("rows of the version", len(rows), len(words))
    not_ten = [row["text"] for row in rows if row["sentiment_n"] != SLOTS]
    findings.expect("words without exactly ten ratings", len(not_ten), 0)
    off = [
        row["text"]
        for row in rows
        if row["text"] in words and abs(row["sentiment"] - words[row["text"]].mean) > TOLERANCE
    ]
    findings.expect("words whose consensus is not the mean of their ten ratings", len(off), 0)
    notes = [row["note"] for row in rows if row["note"]]
    redacted = Counter(entity for note in notes for entity in ENTITY.findall(note))
    findings.tell("redacted by type", counted(redacted))
    findings.expect("redactions by type", dict(redacted), dict(Counter(one.entity for one in planted)))
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()) + "\n".join(notes).encode()
    left = [one.entity for one in planted if one.value.encode() in everything]
    findings.expect("planted personal data in the version", counted(Counter(left)), "none")
