"""Runs a Great Expectations suite over a table and keeps every failing row.

Importing Great Expectations takes seconds and hundreds of megabytes, so it happens inside the functions that run a suite:
in a worker or a command, never in the web process. `check_suite` needs none of it.
"""

from __future__ import annotations

import codecs
import logging
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from foundation.errors import Fault, UsageError
from quality.expectation import Expectation
from quality.observed import observed_of, plain_value
from quality.results import ExpectationResult, SuiteResult, errored
from quality.views import columns_as_written, plain_types, with_plain_types

if TYPE_CHECKING:
    import pandas as pd

_TYPE = re.compile(r"expect_[a-z0-9]+(_[a-z0-9]+)*")
_CAUSE = re.compile(r"^([A-Za-z_][\w.]*)(?=:|$)", re.MULTILINE)
# Kwargs that steer Great Expectations and not the rule; ours take their place.
_STEERING = frozenset({"result_format", "catch_exceptions", "meta", "batch_id"})


def check_suite(suite: object, *, pointer: str = "/expectations") -> list[Fault]:
    """What is wrong with the form of a suite as read from JSON; needs no Great Expectations.

    >>> [fault.pointer for fault in check_suite([{"type": "expect_column_to_exist", "kwargs": {}}, {"type": "drop"}])]
    ['/expectations/1/type']
    """
    if not isinstance(suite, list):
        return [Fault(pointer, "wrong_type", "expectations are a list of {type, kwargs}")]
    return [fault for position, entry in enumerate(suite) for fault in _entry_faults(entry, f"{pointer}/{position}")]


def parse_suite(suite: object, *, pointer: str = "/expectations") -> tuple[Expectation, ...]:
    """The expectations of a list as read from JSON.

    Raises:
        UsageError: the form is wrong; its faults say where.
    """
    faults = check_suite(suite, pointer=pointer)
    if faults or not isinstance(suite, list):
        raise UsageError("the suite of expectations has mistakes", faults=faults)
    return tuple(Expectation(_type_of(entry), dict(_kwargs_of(entry))) for entry in suite)


def read_suite(path: Path) -> tuple[Expectation, ...]:
    """The expectations of a JSON file: a list, or a suite as Great Expectations writes it.

    Raises:
        UsageError: the file cannot be read, is not JSON, or the form is wrong.
    """
    try:
        document = orjson.loads(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise UsageError(f"{path.name}: the file cannot be read ({error.strerror})") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path.name}, line {error.lineno}: the file is not JSON") from error
    if isinstance(document, dict):
        document = document.get("expectations")
    return parse_suite(document)


def misfits(suite: Sequence[Expectation], *, pointer: str = "/expectations") -> list[Fault]:
    """Unknown types and wrong arguments, by Great Expectations' own schemas; imports it."""
    faults: list[Fault] = []
    for position, expectation in enumerate(suite):
        _, wrong = _built(expectation)
        if wrong:
            faults.append(Fault(f"{pointer}/{position}", "bad_expectation", wrong))
    return faults


def run_suite(
    frame: pd.DataFrame,
    suite: Sequence[Expectation],
    *,
    row_id: str | None,
    texts: Mapping[str, pd.Series[Any]] | None = None,
) -> SuiteResult:
    """The result of every expectation, in the order given, in this process and for as long as it takes.

    For tables and suites of one's own, as in a test: what a project decides is run by `quality.limited_suite`.
    """
    run = SuiteRun(frame, row_id=row_id, texts=texts or {})
    return SuiteResult(len(frame), tuple(run.judge(one) for one in suite))


class SuiteRun:
    """Asks one rule after the other of all rows of a table.

    Whatever is wrong with a rule (unknown type, wrong arguments, no such column, values it cannot compare) is an `error`
    of its result.

    Args:
        frame: the table; its index is ignored.
        row_id: column whose values name the failing rows; None for row numbers from 0.
        texts: columns of numbers as they were written, for the rules that ask how a value is written.
    """

    def __init__(self, frame: pd.DataFrame, *, row_id: str | None, texts: Mapping[str, pd.Series[Any]]) -> None:
        self._table = frame.reset_index(drop=True)
        self._texts = texts
        self._ids = None if row_id is None else [plain_value(value) for value in self._table[row_id]]
        self._batches: dict[object, Any] = {}

    def load(self) -> None:
        """Loads Great Expectations, some seconds of CPU that are no rule's fault, by asking it something."""
        rule, _ = _built(Expectation("expect_table_row_count_to_be_between", {}))
        _outcome(_batch_of(self._table.head(0)), rule)

    def judge(self, expectation: Expectation) -> ExpectationResult:
        rule, wrong = _built(expectation)
        wrong = wrong or _missing_column(expectation, self._table)
        if wrong:
            return errored(expectation, len(self._table), wrong)
        return _result(expectation, _outcome(self._batch_for(expectation), rule), len(self._table), self._ids)

    def _batch_for(self, expectation: Expectation) -> Any:
        """The table as Great Expectations takes it, in the form that the rule is asked of; made once for each form."""
        form = columns_as_written(expectation, self._texts)
        key = "types" if expectation.is_about_types else form
        if key not in self._batches:
            if expectation.is_about_types:
                table = with_plain_types(self._table)
            else:
                table = self._table.assign(**{name: self._texts[name].to_numpy() for name in form})
            self._batches[key] = _batch_of(table)
        return self._batches[key]


def _entry_faults(entry: object, pointer: str) -> list[Fault]:
    if not isinstance(entry, dict):
        return [Fault(pointer, "wrong_type", "an expectation is an object {type, kwargs}")]
    faults = []
    if not isinstance(_type_of(entry), str) or not _TYPE.fullmatch(_type_of(entry)):
        faults.append(
            Fault(f"{pointer}/type", "wrong_type", "give a Great Expectations type, such as expect_column_to_exist")
        )
    kwargs = _kwargs_of(entry)
    if not isinstance(kwargs, dict):
        faults.append(Fault(f"{pointer}/kwargs", "wrong_type", "kwargs is an object: the arguments of the expectation"))
    elif "$PARAMETER" in _keys(kwargs):
        faults.append(Fault(f"{pointer}/kwargs", "not_allowed", "parameters are not filled in here: write the value"))
    elif _runs_text(kwargs.get("row_condition")):
        detail = "text conditions would run as a program: write row_condition as an object of type comparison, nullity, and, or"
        faults.append(Fault(f"{pointer}/kwargs/row_condition", "not_allowed", detail))
    return faults


def _type_of(entry: Mapping[str, Any]) -> Any:
    return entry.get("expectation_type") if entry.get("type") is None else entry["type"]


def _kwargs_of(entry: Mapping[str, Any]) -> Any:
    return {} if entry.get("kwargs") is None else entry["kwargs"]


def _keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def _runs_text(condition: object) -> bool:
    if condition is None:
        return False
    if not isinstance(condition, dict) or condition.get("type") not in {"comparison", "nullity", "and", "or"}:
        return True
    parts = condition.get("conditions", [])
    return not isinstance(parts, list) or any(part is None or _runs_text(part) for part in parts)


def _quiet_great_expectations() -> Any:
    """Great Expectations without telemetry, without the warnings its own imports give today, and without its chatter."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations

    # It sets this one logger to INFO itself, and tells every run of a temporary directory.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return great_expectations


def _built(expectation: Expectation) -> tuple[Any, str | None]:
    """The rule as Great Expectations has it, or what is wrong with it."""
    _quiet_great_expectations()
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.registry import get_expectation_impl

    kwargs = {name: value for name, value in expectation.kwargs.items() if name not in _STEERING}
    if expectation.is_about_types:
        kwargs |= {name: plain_types(kwargs[name]) for name in ("type_", "type_list") if name in kwargs}
    try:
        rule = get_expectation_impl(expectation.type)
    except GreatExpectationsError:
        return None, "Great Expectations has no expectation of this type"
    try:
        return rule(**kwargs), None
    except (ValueError, TypeError, GreatExpectationsError) as error:
        return None, f"the arguments do not fit: {_what_is_wrong(error)}"


def _what_is_wrong(error: Exception) -> str:
    """Names of arguments and the rule each breaks; pydantic's own text would repeat the value."""
    listed = getattr(error, "errors", None)
    if not callable(listed):
        return type(error).__name__
    said = dict.fromkeys(
        f"{'.'.join(str(part) for part in one['loc'] if part != '__root__') or 'kwargs'}: {one['msg']}"
        for one in listed()
    )
    return "; ".join(said)


def _missing_column(expectation: Expectation, table: pd.DataFrame) -> str | None:
    if expectation.type == "expect_column_to_exist":
        return None
    missing = [column for column in expectation.columns() if column not in table.columns]
    return f"the table has no column {', '.join(repr(column) for column in missing)}" if missing else None


def _batch_of(table: pd.DataFrame) -> Any:
    context = _quiet_great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("winnow").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})


def _outcome(batch: Any, rule: Any) -> Mapping[str, Any]:
    """Great Expectations' result as plain JSON, or the class of what it raised: rules are written by users."""
    shape = {"result_format": "COMPLETE", "include_unexpected_rows": False, "return_unexpected_index_query": False}
    try:
        outcome: Mapping[str, Any] = batch.validate(rule, result_format=shape).to_json_dict()
    except Exception as error:  # noqa: BLE001 - what they raise has no common class
        return {"raised": type(error).__name__}
    return outcome


def _result(
    expectation: Expectation, outcome: Mapping[str, Any], n_rows: int, ids: Sequence[Any] | None
) -> ExpectationResult:
    cause = outcome.get("raised") or _cause(outcome["exception_info"])
    if cause and cause.endswith("MemoryError"):
        raise MemoryError  # it says nothing of the rule: how much there is was decided by whoever set the limit
    if cause:
        return errored(expectation, n_rows, f"the rule cannot be applied to these values ({cause})")
    figures = outcome["result"]
    rows = [int(row) for row in figures.get("unexpected_index_list") or []]
    return ExpectationResult(
        type=expectation.type,
        column=expectation.column,
        kwargs=expectation.kwargs,
        success=bool(outcome["success"]),
        n=int(figures.get("element_count", n_rows)),
        n_failed=len(rows),
        observed=observed_of(expectation.type, figures.get("observed_value")),
        failing_rows=tuple(rows if ids is None else [ids[row] for row in rows]),
    )


def _cause(found: Mapping[str, Any]) -> str | None:
    """Class of the first exception behind a failed rule; its text may hold values and is left out."""
    for one in [found] if "raised_exception" in found else found.values():
        if one["raised_exception"]:
            named = _CAUSE.findall(one["exception_traceback"] or "")
            classes = [name for name in named if name != "Traceback"]
            return str(classes[0]).rpartition(".")[2] if classes else "unknown"
    return None
