"""Builders for the tests of versions: candidates, rows and a plan that fit each other."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from exports.documents.manifest import CHECKSUMS, MANIFEST, checksum_lines, digest_of, json_bytes
from exports.files import FileEntry, hash_file
from exports.gates import AgreementFigure, AlphaGate, Bound, evaluate_gates
from exports.inputs.plan import FieldSpec, FrozenInputs, TargetSpec, VersionPlan
from exports.inputs.splits import Split, Splitter
from exports.keeping.folder import WrittenVersion, write_version
from exports.shares import Shares

AGREEMENT = AgreementFigure("sentiment", "ordinal", 0.7, 0.65, 0.75, 500, 1500)


@dataclass(frozen=True)
class Candidate:
    item: str
    near_set: str | None = None
    subject: int | str | None = None
    frozen: str | None = None
    random: bool = True


def candidates_batch(candidates: list[Candidate]) -> pa.RecordBatch:
    numbers = all(isinstance(one.subject, int) for one in candidates if one.subject is not None)
    return pa.record_batch(
        {
            "item": pa.array([one.item for one in candidates], pa.string()),
            "near_set": pa.array([one.near_set for one in candidates], pa.string()),
            "subject": pa.array([one.subject for one in candidates], pa.int64() if numbers else pa.string()),
            "frozen": pa.array([one.frozen for one in candidates], pa.string()),
            "random": pa.array([one.random for one in candidates], pa.bool_()),
        }
    )


def split_of(
    candidates: list[Candidate], *, shares: Shares | None = None, seed: str = "seed", batch_rows: int = 1000
) -> Split:
    splitter = Splitter(shares or Shares(), seed=seed)
    for start in range(0, len(candidates), batch_rows):
        splitter.add(candidates_batch(candidates[start : start + batch_rows]))
    return splitter.finish()


def make_plan(**changes: Any) -> VersionPlan:
    plan = VersionPlan(
        project="slang",
        title="Sentiment of slang",
        purpose="To tell apart what people like. Not for deciding about persons.",
        version="1.0.0",
        inputs=FrozenInputs(3, 1234, "2026-11-01T00:00:00Z", "seed", "ab" * 32, {"targets": ["sentiment"]}),
        shares=Shares(),
        fields=(
            FieldSpec("text", "text"),
            FieldSpec("price", "number", "EUR"),
            FieldSpec("pieces", "integer"),
            FieldSpec("store", "category", values=("food", "fuel", "other")),
            FieldSpec("when", "datetime"),
            FieldSpec("new", "boolean"),
        ),
        targets=(
            TargetSpec("sentiment", "choice", "ordinal", ("negative", "neutral", "positive")),
            TargetSpec("valence", "number", "interval"),
        ),
        context=(FieldSpec("os_name", "category"), FieldSpec("battery", "number")),
        gates=evaluate_gates([AlphaGate("sentiment", 0.6, Bound.LOWER)], agreement=[AGREEMENT], expectations=None),
        agreement=(AGREEMENT,),
        quality={"agreement": {"sentiment": {"alpha": 0.7}}},
    )
    return replace(plan, **changes)


def make_candidates(n: int = 400, *, seed: int = 5, subjects: int = 60) -> list[Candidate]:
    draw = random.Random(seed)
    items = sorted(str(uuid.UUID(int=draw.getrandbits(128))) for _ in range(n))
    return [Candidate(item, subject=draw.randrange(subjects), random=draw.random() < 0.9) for item in items]


def make_rows(candidates: list[Candidate], *, seed: int = 7) -> pa.RecordBatch:
    """Rows for the plan of `make_plan`, typed as SQLite would give them."""
    draw = random.Random(seed)
    n = len(candidates)
    columns: dict[str, Any] = {
        "item": [one.item for one in candidates],
        "near_duplicate_set": [one.near_set or one.item for one in candidates],
        "weight": pa.array([1.0] * n, pa.float64()),
        "n_signals": pa.array([1 + draw.randrange(3) for _ in range(n)], pa.int64()),
        "selected_by": ["random" if one.random else "uncertain" for one in candidates],
        "text": ["läuft " * draw.randrange(1, 9) for _ in range(n)],
        "price": [draw.gauss(10, 3) if draw.random() < 0.95 else None for _ in range(n)],
        "pieces": [draw.randrange(9) for _ in range(n)],
        "store": [draw.choice(("food", "fuel", "other")) for _ in range(n)],
        "when": [f"2026-10-{draw.randrange(10, 30)}T08:00:00.250Z" for _ in range(n)],
        "new": pa.array([draw.randrange(2) for _ in range(n)], pa.int64()),
        "os_name": [draw.choice(("android", "ios")) for _ in range(n)],
        "battery": [draw.random() for _ in range(n)],
    }
    labels = [draw.choice(("negative", "neutral", "positive")) for _ in range(n)]
    for target, values in (("sentiment", labels), ("valence", [draw.randrange(-4, 5) / 3 for _ in range(n)])):
        columns[target] = values
        columns[f"{target}_confidence"] = [2 / 3] * n
        columns[f"{target}_n"] = pa.array([3] * n, pa.int64())
        columns[f"{target}_votes"] = ['{"a":2,"b":1}'] * n
        columns[f"{target}_source"] = ["majority"] * n
    return pa.record_batch(columns)


def pieces(rows: pa.RecordBatch, size: int) -> list[pa.RecordBatch]:
    return [rows.slice(start, size) for start in range(0, len(rows), size)]


def write(folder: Path, *, n: int = 400, batch_rows: int = 1000, **changes: Any) -> WrittenVersion:
    """A whole small version at `folder`."""
    plan, candidates = make_plan(**changes), make_candidates(n)
    split = split_of(candidates, shares=plan.shares, seed=plan.inputs.seed, batch_rows=batch_rows)
    return write_version(plan, split, pieces(make_rows(candidates), batch_rows), folder)


if __name__ == "__main__":
    import sys

    print(write(Path(sys.argv[1]), batch_rows=int(sys.argv[2])).digest)


def seal(folder: Path, **changes: Any) -> None:
    """Makes a version's manifest, its digest and the checksums fit whatever lies in the folder."""
    manifest = orjson.loads((folder / MANIFEST).read_bytes()) | changes
    for file in manifest["files"]:
        file["bytes"], file["sha256"] = hash_file(folder / file["path"])
    manifest["digest"] = digest_of(manifest)
    (folder / MANIFEST).write_bytes(json_bytes(manifest))
    files = [FileEntry(**file) for file in manifest["files"]]
    (folder / CHECKSUMS).write_bytes(checksum_lines([*files, FileEntry(MANIFEST, *hash_file(folder / MANIFEST))]))
