"""Runs a project's expectations in a child process with limits, so that a rule without a bound takes only itself away.

A rule that meets a limit is named, reported as not evaluated, and the child is started again without it: what the others
say still stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import Fault, UsageError
from foundation.running.limited import Limit, LimitMet, Limits, limits_of, run_limited
from foundation.settings import Settings
from quality.expectation import Expectation
from quality.expectations import SuiteRun, misfits
from quality.frame_bytes import packed, unpacked
from quality.results import ExpectationResult, SuiteResult, errored

if TYPE_CHECKING:
    import pandas as pd

TEXT: Final = "as written: "
JUDGE: Final = "quality.limited_suite:judge_each"
MOST_STARTS: Final = 3
"""So many rules may meet a limit before the rest is left alone: each of them holds a worker for as long as it may."""
LEFT_ALONE: Final = f"was not evaluated, since {MOST_STARTS} expectations before it met a limit: mend those first"


RunSuite = Callable[..., SuiteResult]
"""Takes a table, a suite, and `row_id`."""


def within(settings: Settings) -> RunSuite:
    """Runs a suite within the limits of this installation."""
    return partial(run_suite_limited, limits=limits_of(settings))


def run_suite_limited(
    frame: pd.DataFrame,
    suite: Sequence[Expectation],
    *,
    row_id: str | None,
    texts: Mapping[str, pd.Series[Any]] | None = None,
    limits: Limits | None = None,
    must_fit: bool = False,
) -> SuiteResult:
    """The result of every expectation, in the order given, over all rows of a table.

    A rule that met a limit, or was left alone after others had, has an `error` that says so, and `is_unfinished`.

    Args:
        row_id: column whose values name the failing rows; None for row numbers from 0.
        texts: columns of numbers as they were written.
        must_fit: refuse a suite of which some types or arguments are wrong, instead of an error in their results.

    Raises:
        UsageError: the suite must fit and does not; its faults say where.
    """
    allowed, written = limits or Limits(), texts or {}
    # Side by side in one table: the columns as they are, and after them some of them as they were written.
    table = frame.reset_index(drop=True).assign(**{f"{TEXT}{name}": written[name].to_numpy() for name in written})
    rules = [[one.type, dict(one.kwargs)] for one in suite]
    results: dict[int, ExpectationResult] = {}
    for _ in range(MOST_STARTS):
        waiting = [position for position in range(len(suite)) if position not in results]
        if not waiting:
            break
        said = {"suite": rules, "positions": waiting, "must_fit": must_fit, "row_id": row_id, "texts": list(written)}
        _gather(packed(table, said), suite, len(frame), allowed, results)
    for position, expectation in enumerate(suite):
        if position not in results:
            results[position] = errored(expectation, len(frame), LEFT_ALONE, is_unfinished=True)
    return SuiteResult(len(frame), tuple(results[position] for position in range(len(suite))))


def judge_each(payload: bytes) -> Iterator[dict[str, Any]]:
    """Runs in the child: says which rule begins, then what came of it."""
    table, said = unpacked(payload)
    suite = [Expectation(type_, kwargs) for type_, kwargs in said["suite"]]
    if said["must_fit"] and (faults := misfits(suite)):
        yield {"faults": [[fault.pointer, fault.reason, fault.detail] for fault in faults]}
        return
    texts = {name: table[f"{TEXT}{name}"] for name in said["texts"]}
    frame = table.drop(columns=[f"{TEXT}{name}" for name in texts])
    run = SuiteRun(frame, row_id=said["row_id"], texts=texts)
    run.load()
    yield {"loaded": len(frame)}
    for position in said["positions"]:
        yield {"begun": position}
        yield {"ended": position, "result": run.judge(suite[position]).outcome()}


def _gather(
    payload: bytes,
    suite: Sequence[Expectation],
    n_rows: int,
    limits: Limits,
    results: dict[int, ExpectationResult],
) -> None:
    """Runs one child, and puts into `results` what it comes to, the rule at which it was ended included."""
    begun: int | None = None
    try:
        for said in run_limited(JUDGE, payload, limits):
            if "faults" in said:
                faults = [Fault(*fault) for fault in said["faults"]]
                raise UsageError(f"{len(faults)} of {len(suite)} expectations are wrong", faults=faults)
            if "begun" in said:
                begun = int(said["begun"])
            if "ended" in said:
                place = int(said["ended"])
                results[place] = ExpectationResult.of(suite[place], said["result"])
    except LimitMet as met:
        if begun is None:
            why = f"was not evaluated, since loading the table {limits.words(met.limit)}"
            waiting = [place for place in range(len(suite)) if place not in results]
        else:
            why, waiting = _why(suite[begun], limits, met.limit), [begun]
        for place in waiting:
            results.setdefault(place, errored(suite[place], n_rows, why, is_unfinished=True))


def _why(expectation: Expectation, limits: Limits, limit: Limit) -> str:
    on = f" on column {expectation.column}" if expectation.column else ""
    return (
        f"the expectation {expectation.type}{on} {limits.words(limit)} and was ended: "
        "nothing is known of it; write a simpler rule or pattern"
    )
