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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import Fault, UsageError
from quality.expectation import Expectation
from quality.observed import observed_of, plain_value
from quality.views import plain_types, views_of, with_plain_types

if TYPE_CHECKING:
    import pandas as pd

_TYPE = re.compile(r"expect_[a-z0-9]+(_[a-z0-9]+)*")
_CAUSE = re.compile(r"^([A-Za-z_][\w.]*)(?=:|$)", re.MULTILINE)
# Kwargs that steer Great Expectations and not the rule; ours take their place.
_STEERING = frozenset({"result_format", "catch_exceptions", "meta", "batch_id"})


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """What became of one expectation.

    Attributes:
        success: whether it holds; never where there is an `error`.
        n: rows it was asked of.
        n_failed: rows that fail; 0 for a rule about the whole column or table, which has no failing rows.
        observed: the figure such a rule looked at, if it is a number, a time or a list of columns; never a text value.
        failing_rows: every failing row: its number from 0, or its value in the id column.
        error: why the rule could not be applied, in one sentence without a value of the table.
    """

    type: str
    column: str | None
    kwargs: Mapping[str, Any]
    success: bool
    n: int
    n_failed: int
    observed: Any
    failing_rows: tuple[Any, ...]
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "type": self.type,
            "kwargs": dict(self.kwargs),
            "success": self.success,
            "n": self.n,
            "n_failed": self.n_failed,
            "failing_rows": list(self.failing_rows),
        }
        if self.observed is not None:
            members["observed"] = self.observed
        return members | ({"error": self.error} if self.error else {})


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What became of a suite, expectation by expectation in the order given."""

    n_rows: int
    results: tuple[ExpectationResult, ...]

    @property
    def success(self) -> bool:
        return all(result.success for result in self.results)

    def as_json(self) -> dict[str, Any]:
        return {
            "success": self.success,
            "n_rows": self.n_rows,
            "expectations": [result.as_json() for result in self.results],
        }


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
    import orjson

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
        _, wrong = _built(expectation, position)
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
    """The result of every expectation, in the order given, over all rows of a table.

    Whatever is wrong with an expectation (unknown type, wrong arguments, no such column, values it cannot compare) is an
    `error` of its result; the others are run all the same.

    Args:
        frame: the table; its index is ignored.
        suite: the expectations.
        row_id: column whose values name the failing rows; None for row numbers from 0.
        texts: columns of numbers as they were written, for the rules that ask how a value is written.
    """
    table = frame.reset_index(drop=True)
    ids = None if row_id is None else [plain_value(value) for value in table[row_id]]
    errors: dict[int, str] = {}
    rules: dict[int, Any] = {}
    for position, expectation in enumerate(suite):
        rule, wrong = _built(expectation, position)
        wrong = wrong or _missing_column(expectation, table)
        if wrong:
            errors[position] = wrong
        else:
            rules[position] = rule
    outcomes: dict[int, Mapping[str, Any]] = {}
    of_types = [position for position in rules if suite[position].is_about_types]
    for written, positions in views_of(suite, rules.keys() - set(of_types), texts or {}).items():
        view = table.assign(**{name: (texts or {})[name].to_numpy() for name in written})
        outcomes |= _outcomes(view, {position: rules[position] for position in positions})
    if of_types:
        outcomes |= _outcomes(with_plain_types(table), {position: rules[position] for position in of_types})
    results = [
        _errored(expectation, len(table), errors[position])
        if position in errors
        else _result(expectation, outcomes[position], len(table), ids)
        for position, expectation in enumerate(suite)
    ]
    return SuiteResult(len(table), tuple(results))


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


def _built(expectation: Expectation, position: int) -> tuple[Any, str | None]:
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
        return rule(**kwargs, meta={"position": position}), None
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


def _outcomes(table: pd.DataFrame, rules: Mapping[int, Any]) -> dict[int, Mapping[str, Any]]:
    """Great Expectations' result for each position."""
    gx = _quiet_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("winnow").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    together = _validated(batch, gx.ExpectationSuite(name="all", expectations=list(rules.values())))
    if isinstance(together, list):
        return {outcome["expectation_config"]["meta"]["position"]: outcome for outcome in together}
    alone: dict[int, Mapping[str, Any]] = {}
    for position, rule in rules.items():
        outcome = _validated(batch, gx.ExpectationSuite(name=f"only {position}", expectations=[rule]))
        alone[position] = outcome[0] if isinstance(outcome, list) else {"raised": type(outcome).__name__}
    return alone


def _validated(batch: Any, suite: Any) -> list[dict[str, Any]] | Exception:
    """Results as plain JSON, or what was raised: a rule that breaks some ways takes its whole suite with it."""
    shape = {"result_format": "COMPLETE", "include_unexpected_rows": False, "return_unexpected_index_query": False}
    try:
        return [result.to_json_dict() for result in batch.validate(suite, result_format=shape).results]
    except Exception as error:  # noqa: BLE001 - rules are written by users, and what they raise has no common class
        return error


def _result(
    expectation: Expectation, outcome: Mapping[str, Any], n_rows: int, ids: Sequence[Any] | None
) -> ExpectationResult:
    cause = outcome.get("raised") or _cause(outcome["exception_info"])
    if cause:
        return _errored(expectation, n_rows, f"the rule cannot be applied to these values ({cause})")
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


def _errored(expectation: Expectation, n_rows: int, error: str) -> ExpectationResult:
    return ExpectationResult(
        expectation.type, expectation.column, expectation.kwargs, False, n_rows, 0, None, (), error=error
    )


def _cause(found: Mapping[str, Any]) -> str | None:
    """Class of the first exception behind a failed rule; its text may hold values and is left out."""
    for one in [found] if "raised_exception" in found else found.values():
        if one["raised_exception"]:
            named = _CAUSE.findall(one["exception_traceback"] or "")
            classes = [name for name in named if name != "Traceback"]
            return str(classes[0]).rpartition(".")[2] if classes else "unknown"
    return None
