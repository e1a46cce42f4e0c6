"""One version, from frozen inputs to files that anybody may download: the steps in their order.

Nothing is visible before the one transaction that gives the build its state. Killed at any line, the next attempt begins
anew and ends with the same bytes; whoever left meanwhile is in none of them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from exports import service
from exports.documents.manifest import CHECKSUMS, MANIFEST
from exports.errors import SplitLeaks
from exports.files import FileEntry, hash_file
from exports.gates import GateResult, GateRule, MinRowsGate, all_passed, evaluate_gates
from exports.inputs.figures import Measured, measure
from exports.inputs.plan import GuidelinesStatement, VersionPlan
from exports.inputs.rows import (
    Candidates,
    count_signals,
    gather_candidates,
    items_left_out,
    items_on_sides,
    version_rows,
)
from exports.inputs.snapshot import Frozen, freeze, inputs_hash, make_judges, read_guidelines
from exports.inputs.splits import Split, Splitter, side_figures
from exports.inputs.statements import READ
from exports.keeping.folder import write_version
from exports.keeping.store import VersionStore, open_store
from exports.models import VERSION_ITEMS, Version, VersionState
from exports.queries import find_equal
from exports.service import Decided, Made, Outcome
from exports.sides import SideFigure, warnings_of
from foundation import jobs
from foundation.database import Database, refresh_statistics, unit_of_work, utc_now
from foundation.errors import Unavailable
from foundation.failpoints import failpoint
from foundation.leases import LeaseLost
from foundation.queue import Work

if TYPE_CHECKING:
    import pyarrow as pa

TRIES: Final = 5
PROGRESS_EVERY_S: Final = 2.0


@dataclass(frozen=True)
class _Drawn:
    """The inputs, and who stands where."""

    frozen: Frozen
    candidates: Candidates
    split: Split
    inputs_hash: str
    signals: int
    sides: tuple[SideFigure, ...]
    guidelines: GuidelinesStatement

    @property
    def rows(self) -> int:
        return sum(figure.rows for figure in self.sides)

    @property
    def warnings(self) -> tuple[str, ...]:
        return warnings_of(self.sides)

    @property
    def remarks(self) -> dict[str, Any]:
        """What the version's row tells of it, beside its figures."""
        return {
            "warnings": list(self.warnings),
            "overrides": [asdict(setting) for setting in self.frozen.overrides],
            "lowered": [asdict(setting) for setting in self.frozen.lowered],
        }


def build_version(work: Work) -> dict[str, Any]:
    """Builds what a job asks for: `{version, state}`. Repeated, it answers what the first time came to.

    Raises:
        Unavailable: the project changed under each of several attempts.
    """
    store = open_store(work.runtime.settings)
    for _ in range(TRIES):
        outcome = _attempt(work, store)
        if outcome is not None:
            return outcome.as_json()
    raise Unavailable("the project changed while each attempt was made: ask for the version again")


def _attempt(work: Work, store: VersionStore) -> Outcome | None:
    version = _begin(work, store)
    if version.state != VersionState.BUILDING or version.storage is None:
        if version.storage is not None:
            store.clear_scratch(version.storage)  # a worker that died when all was settled has left it
        return Outcome(version.name or "", version.state)
    place = version.storage
    refresh_statistics(work.runtime.database, READ)
    try:
        outcome = _make(work, store, version, place)
        failpoint("build.after_settled")
    except LeaseLost:
        # Another attempt has a place of its own. After any other failure the next one looks first what this one came to.
        store.remove(place)
        raise
    finally:
        store.clear_scratch(place)
    if outcome is None or not outcome.has_files:
        store.remove(place)
    return outcome


@contextmanager
def _frozen_view(database: Database) -> Iterator[Session]:
    """A session that sees one state of the database to its end, whatever others write meanwhile."""
    with unit_of_work(database, read_only=True) as session:
        if database.is_postgresql:
            session.connection().exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield session


def _begin(work: Work, store: VersionStore) -> Version:
    """The build's row, with the place of this attempt's files; what an attempt before this one left is taken away."""
    with _holding(work) as session:
        begun = service.begin_build(
            session, work.project_id or 0, uuid.UUID(work.args["build"]), work.job_id, work.args, now=utc_now()
        )
    if begun.leftover:
        store.remove(begun.leftover)
    return begun.version


def _make(work: Work, store: VersionStore, version: Version, place: str) -> Outcome | None:
    with _frozen_view(work.runtime.database) as session:
        frozen = freeze(session, version.project_id, version.asked, draft=version.draft, sections=work.runtime.sections)
        drawn = _draw(session, frozen, store.scratch(place) / "candidates.arrow", draft=version.draft)
        equal = find_equal(session, version.project_id, drawn.inputs_hash)
        if equal is not None:
            with _holding(work) as writing:
                return service.answer_with(writing, version, equal)
        measured = measure(session, drawn.frozen, work.runtime.settings)
        gates = _gates(drawn, measured)
        _note_items(work, version, items_on_sides(drawn.candidates.noted, drawn.split))
        refuses = not drawn.rows or not (version.draft or all_passed(gates))
        decided = _decide(work, version, drawn, "refused" if refuses else "draft" if version.draft else "")
        if refuses:
            made = Made(decided, drawn.inputs_hash, gates, _counts_of_refused(drawn), drawn.remarks)
            return _settle(work, version, made, drawn.frozen, VersionState.REFUSED)
        plan = _plan(version, drawn, measured, gates, decided)
        made = _write(work, store, version, place, plan, drawn, session)
    failpoint("build.after_files")
    state = VersionState.DRAFT if version.draft else VersionState.PUBLISHED
    return _settle(work, version, made, drawn.frozen, state)


def _draw(session: Session, frozen: Frozen, noted: Path, *, draft: bool) -> _Drawn:
    """Gathers the candidates, and splits them."""
    splitter = Splitter(frozen.section.split, seed=frozen.inputs.seed)
    candidates = gather_candidates(
        session,
        frozen.project_id,
        make_judges(session, frozen),
        unmeasured=frozen.unmeasured,
        unresolved=frozen.section.labels.unresolved,
        upto_seq=frozen.inputs.annotations_upto_seq,
        into=noted,
        splitter=splitter,
    )
    split = splitter.finish()
    key = inputs_hash(frozen, state_sha256=candidates.state_sha256, split=split, draft=draft)
    sides = side_figures(split, frozen.section.split)
    guidelines = read_guidelines(session, frozen)
    return _Drawn(frozen, candidates, split, key, count_signals(noted, split), sides, guidelines)


def _gates(drawn: _Drawn, measured: Measured) -> tuple[GateResult, ...]:
    gates = evaluate_gates(
        _rules(drawn), agreement=measured.agreement, expectations=measured.expectations, sides=drawn.sides
    )
    if drawn.rows:
        return gates
    why = ", ".join(f"{count} items: {reason}" for reason, count in drawn.candidates.not_used.items())
    detail = f"not enough data: no item may be used, at least 1 is needed ({why or 'the project holds none'})"
    return (*gates, GateResult("rows", passed=False, figure=0, required=1, detail=detail))


def _rules(drawn: _Drawn) -> list[GateRule]:
    """The gates of the section; the one on empty sides, which holds without being asked for, only where it is not met."""
    section = drawn.frozen.section
    rules = [rule for rule in section.gates if rule != MinRowsGate(0)]
    least = MinRowsGate(section.min_rows)
    return [*rules, least] if drawn.warnings and least.rows and least not in rules else rules


def _plan(
    version: Version, drawn: _Drawn, measured: Measured, gates: tuple[GateResult, ...], decided: Decided
) -> VersionPlan:
    frozen = drawn.frozen
    targets = {target.name for target in frozen.targets}
    return VersionPlan(
        project=frozen.file.name,
        title=frozen.file.title,
        purpose=frozen.file.purpose,
        version=decided.name,
        inputs=frozen.inputs,
        shares=frozen.section.split,
        fields=frozen.fields,
        targets=frozen.targets,
        context=frozen.context,
        unmeasured=frozen.unmeasured,
        guidelines=drawn.guidelines,
        parent=decided.parent,
        draft=version.draft,
        gates=gates,
        agreement=tuple(figure for figure in measured.agreement if figure.target in targets),
        consent=frozen.consent,
        quality=measured.report,
        not_used=drawn.candidates.not_used,
        not_in_effect=tuple(frozen.instead),
        instead=frozen.instead,
        sides=drawn.sides,
        overrides=frozen.overrides,
        lowered=frozen.lowered,
        formats=frozen.section.formats,
    )


def _write(
    work: Work,
    store: VersionStore,
    version: Version,
    place: str,
    plan: VersionPlan,
    drawn: _Drawn,
    session: Session,
) -> Made:
    """The files, in the store."""
    rows = version_rows(session, plan, version.project_id, drawn.candidates.noted)
    watched = _watched(rows, work, drawn.candidates.count)
    written = write_version(plan, drawn.split, watched, store.work_folder(place))
    if written.contents.leakage.is_found:
        raise SplitLeaks("items or groups stand on two sides in the files: nothing is published; please report it")
    manifests = [FileEntry(name, *hash_file(written.folder / name)) for name in (CHECKSUMS, MANIFEST)]
    files = (*written.files, *manifests)
    store.keep(place, [file.path for file in files])
    counts = {
        "rows": written.contents.total,
        "splits": dict(written.contents.rows),
        "signals": written.contents.signals,
        "groups": _groups(drawn),
        "left_out": written.contents.left_out_by_reason(),
        "not_used": dict(plan.not_used),
        "unresolved": dict(written.contents.unresolved),
    }
    decided = Decided(plan.version, plan.parent)
    return Made(decided, drawn.inputs_hash, plan.gates, counts, drawn.remarks, files, written.digest)


def _counts_of_refused(drawn: _Drawn) -> dict[str, Any]:
    splits = {figure.side: figure.rows for figure in drawn.sides}
    return {
        "rows": drawn.rows,
        "splits": splits,
        "groups": _groups(drawn),
        "not_used": dict(drawn.candidates.not_used),
    }


def _groups(drawn: _Drawn) -> dict[str, int]:
    return {figure.side: figure.groups for figure in drawn.sides}


def _settle(work: Work, version: Version, made: Made, frozen: Frozen, state: VersionState) -> Outcome | None:
    with _holding(work) as session:
        outcome = service.settle_build(session, version, made, frozen, state=state, now=utc_now())
        failpoint("build.before_publish")
    return outcome


def _note_items(work: Work, version: Version, items: Iterator[tuple[str, str, int]]) -> None:
    while part := list(islice(items, service.ITEMS_AT_ONCE)):
        with _holding(work) as session:
            service.note_items(session, version, part)
    refresh_statistics(work.runtime.database, [VERSION_ITEMS.name])


def _decide(work: Work, version: Version, drawn: _Drawn, suffix: str) -> Decided:
    left_out = items_left_out(drawn.candidates.noted, drawn.split)
    with _holding(work) as session:
        return service.decide_name(
            session, version, drawn.frozen, signals=drawn.signals, left_out=left_out, suffix=suffix
        )


@contextmanager
def _holding(work: Work) -> Iterator[Session]:
    """A unit of work that fails when another worker has taken the job over: a stalled one must not write."""
    with unit_of_work(work.runtime.database) as session:
        jobs.renew(session, work.job_id, holder=work.holder, lease_s=work.runtime.settings.lease_s)
        yield session


def _watched(rows: Iterable[pa.RecordBatch], work: Work, total: int) -> Iterator[pa.RecordBatch]:
    """The same rows; how many went by is noted every few seconds."""
    done, told = 0, time.monotonic()
    work.progress(0, total)
    for batch in rows:
        yield batch
        done += batch.num_rows
        if time.monotonic() - told > PROGRESS_EVERY_S:
            work.progress(done, total)
            told = time.monotonic()
