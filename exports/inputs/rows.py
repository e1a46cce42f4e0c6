"""The rows of a version as streams: who may be in it, then what each says. One item after the other, in little memory."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from exports.column_names import raw_column
from exports.errors import RowsChanged
from exports.inputs.columns import arrow_schema, target_fields
from exports.inputs.labels import Label, TargetJudge, raw_answers, row_mark
from exports.inputs.plan import VersionPlan
from exports.inputs.splits import FIRST_REASON, Split, Splitter
from exports.inputs.statements import candidate_rows, content_rows
from exports.project import Unresolved
from exports.shares import SIDES
from labeling.models import RANDOM

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE: Final = 8_192
SUBJECT_AT: Final = 33
ANSWERS_FROM: Final = 5
"""Where the answers begin in a row of `candidate_rows`: those to each target, then those to each unmeasured control."""


@dataclass(frozen=True)
class Candidates:
    """The items that reached the split, noted in a file; what became of the others.

    Args:
        state_sha256: over all usable items and their live signals, to see whether anything came, went or changed.
        not_used: usable items that did not reach the split, by reason.
    """

    noted: Path
    count: int
    state_sha256: str
    not_used: Mapping[str, int]


def gather_candidates(
    session: Session,
    project_id: int,
    judges: Sequence[TargetJudge],
    *,
    unmeasured: Sequence[str] = (),
    unresolved: Unresolved,
    upto_seq: int,
    into: Path,
    splitter: Splitter,
) -> Candidates:
    """Reads every usable item once, gives each its labels, and hands those that may be in the version to the splitter."""
    import pyarrow as pa

    statement = candidate_rows(project_id, [*(judge.target.name for judge in judges), *unmeasured], upto_seq)
    gathering = _Gathering(judges, unmeasured, keeps=unresolved is Unresolved.KEEP)
    with pa.OSFile(str(into), "wb") as file, pa.ipc.new_file(file, _noted_schema(judges, unmeasured)) as notes:
        for rows in _in_parts(session, statement):
            noted, for_split = gathering.take(rows)
            notes.write_batch(noted)
            splitter.add(for_split)
    return Candidates(into, gathering.count, gathering.state.hexdigest(), dict(sorted(gathering.not_used.items())))


def version_rows(session: Session, plan: VersionPlan, project_id: int, noted: Path) -> Iterator[pa.RecordBatch]:
    """Every candidate once, in the order of the split, with the columns of the version but `split_group`.

    Raises:
        RowsChanged: a candidate is not there any more.
    """
    import pyarrow as pa

    schema = arrow_schema(plan)
    contents = (row for part in _in_parts(session, content_rows(project_id)) for row in part)
    shape = _ContentShaper(plan)
    with closing(contents):
        for batch in noted_batches(noted):
            items = batch.column("item").to_pylist()
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            columns |= shape.columns(_matching(items, contents), schema)
            columns["near_duplicate_set"] = columns["item"]
            columns["weight"] = pa.array([1.0] * len(items), pa.float64())
            del columns["labels"]
            yield pa.RecordBatch.from_pydict(columns)


def noted_batches(noted: Path) -> Iterator[pa.RecordBatch]:
    """The candidates as they were noted, in their order."""
    import pyarrow as pa

    with pa.memory_map(str(noted)) as file:
        reader = pa.ipc.open_file(file)
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)


def items_on_sides(noted: Path, split: Split) -> Iterator[tuple[str, str, int]]:
    """Item, side and mark of its labels, for each candidate that stands on a side."""
    position = 0
    for batch in noted_batches(noted):
        codes = split.codes[position : position + batch.num_rows].tolist()
        position += batch.num_rows
        marks = batch.column("labels").to_pylist()
        for item, code, mark in zip(batch.column("item").to_pylist(), codes, marks, strict=True):
            if code < FIRST_REASON:
                yield item, str(SIDES[code]), mark


def items_left_out(noted: Path, split: Split) -> Iterator[uuid.UUID]:
    """The candidates that stand on no side."""
    import pyarrow as pa

    position = 0
    for batch in noted_batches(noted):
        reasons = pa.array(split.codes[position : position + batch.num_rows] >= FIRST_REASON)
        position += batch.num_rows
        yield from map(uuid.UUID, batch.column("item").filter(reasons).to_pylist())


def count_signals(noted: Path, split: Split) -> int:
    """Observations behind the candidates that stand on a side."""
    total, position = 0, 0
    for batch in noted_batches(noted):
        kept = split.codes[position : position + batch.num_rows] < FIRST_REASON
        total += int(batch.column("n_signals").to_numpy()[kept].sum())
        position += batch.num_rows
    return total


class _Gathering:
    """Counts and digests what was taken so far."""

    def __init__(self, judges: Sequence[TargetJudge], unmeasured: Sequence[str], *, keeps: bool) -> None:
        self._judges, self._keeps = judges, keeps
        self._schema = _noted_schema(judges, unmeasured)
        self._raw_from, self._n_raw = ANSWERS_FROM + len(judges), len(unmeasured)
        self.count = 0
        self.state = hashlib.sha256()
        self.not_used: Counter[str] = Counter()

    def take(self, rows: Sequence[Any]) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """What is to be noted of these items, and what the split needs of them."""
        import pyarrow as pa

        lines = [f"{row.id.hex}\t{row.scrub_hash}\t{row.signals}\n" for row in rows]
        self.state.update("".join(lines).encode())
        kept = [(row, labels) for row, labels in ((row, self._labels_of(row)) for row in rows) if labels is not None]
        self.count += len(kept)
        candidates = [row for row, _ in kept]
        return self._noted(candidates, [labels for _, labels in kept]), pa.record_batch(
            {
                "item": pa.array([str(row.id) for row in candidates], pa.string()),
                "near_set": pa.nulls(len(candidates), pa.string()),
                "subject": pa.array([_sole_subject(row.signals) for row in candidates], pa.string()),
                "frozen": pa.array([row.side for row in candidates], pa.string()),
                # Where nothing is asked of anybody, nobody has chosen: the items are what came.
                "random": pa.array([not self._judges or row.selected_by == RANDOM for row in candidates], pa.bool_()),
            }
        )

    def _labels_of(self, row: Any) -> list[Label] | None:
        labels = [
            judge.label_of(votes) for judge, votes in zip(self._judges, row[ANSWERS_FROM : self._raw_from], strict=True)
        ]
        missing = next((label.missing for label in labels if label.missing), None)
        if missing is None or self._keeps:
            return labels
        self.not_used[missing] += 1
        return None

    def _noted(self, rows: Sequence[Any], labels: Sequence[list[Label]]) -> pa.RecordBatch:
        import pyarrow as pa

        raw = [[raw_answers(given) for given in row[self._raw_from :]] for row in rows]
        columns: list[list[Any]] = [
            [str(row.id) for row in rows],
            [row.signals.count(",") + 1 for row in rows],
            [row.selected_by for row in rows],
            [row_mark(of_item, *of_raw) for of_item, of_raw in zip(labels, raw, strict=True)],
        ]
        for place in range(len(self._judges)):
            of_target = [of_item[place] for of_item in labels]
            columns += [
                [label.value for label in of_target],
                [label.confidence for label in of_target],
                [label.n for label in of_target],
                [label.votes for label in of_target],
                [label.source for label in of_target],
            ]
        columns += [list(column) for column in zip(*raw, strict=True)] if raw else [[] for _ in range(self._n_raw)]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


class _ContentShaper:
    """Brings fields and context from JSON into columns; what does not fit its declared kind any more becomes null."""

    def __init__(self, plan: VersionPlan) -> None:
        self._fields, self._context = plan.fields, plan.context

    def columns(self, contents: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], schema: Any) -> dict[str, Any]:
        import pyarrow as pa

        payloads, contexts = [], []
        for payload, context in contents:
            payloads.append(payload)
            contexts.append(context)
        columns = {}
        for specs, sources in ((self._fields, payloads), (self._context, contexts)):
            for spec in specs:
                values = [spec.column.fit(source.get(spec.name)) for source in sources]
                columns[spec.name] = pa.array(values, schema.field(spec.name).type)
        return columns


def _sole_subject(signals: str) -> str | None:
    """The one subject who sent an item; None where several did, or nobody knows.

    >>> one, other = "0" * 32 + ":a", "1" * 32 + ":b"
    >>> _sole_subject(one), _sole_subject(f"{one},{other}"), _sole_subject("0" * 32 + ":")
    ('a', None, None)
    """
    first, *more = {signal[SUBJECT_AT:] for signal in signals.split(",")}
    return None if more else first or None


def _matching(items: Sequence[str], contents: Iterator[Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Payload and context of these items, out of a stream in the same order that may have others in between."""
    for item in items:
        for row in contents:
            if str(row[0]) == item:
                yield {**(row[3] or {}), **row[1]}, row[2] or {}
                break
        else:
            raise RowsChanged("an item is not there any more: build again")


def _in_parts(session: Session, statement: Any) -> Iterator[Sequence[Any]]:
    rows = session.connection().execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    try:
        yield from rows.partitions()
    finally:
        rows.close()


def _noted_schema(judges: Sequence[TargetJudge], unmeasured: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    columns = [
        ("item", pa.string()),
        ("n_signals", pa.int64()),
        ("selected_by", pa.string()),
        ("labels", pa.int64()),
    ]
    for judge in judges:
        columns += target_fields(judge.target)
    columns += [(raw_column(control), pa.string()) for control in unmeasured]
    return pa.schema(columns)
