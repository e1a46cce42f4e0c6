"""Quality's pages: a project at a glance, and how good its labels are."""

from __future__ import annotations

from typing import Any

from collector.queries import count_project
from foundation.http.pages import Pages
from foundation.http.web import Call
from labeling.queries import aliases_of
from quality.queries import newest_report
from quality.report import with_aliases

AXIS = (-0.2, 1.0)
WIDTH = 300
pages = Pages("quality", __file__)


@pages.page()
def overview(call: Call) -> str:
    """What is held, and where to look."""
    with call.unit_of_work(read_only=True) as session:
        counts = count_project(session, call.project_no)
        for counter in call.services.counters:
            counts.update(counter(session, call.project_no))
    return pages.render(call, "overview", counts=counts)


@pages.page("/quality", called="Quality")
def quality(call: Call) -> str:
    """The newest report, with each alpha drawn beside its interval."""
    with call.unit_of_work(read_only=True) as session:
        report = newest_report(session, call.project_no)
        aliases = aliases_of(session, call.project_no) if call.is_manager else {}
    shown = None if report is None else {**report.model_dump(), "body": with_aliases(report.body, aliases)}
    bars = {name: bar_of(figures["agreement"]) for name, figures in shown["body"]["questions"].items()} if shown else {}
    return pages.render(call, "report", report=shown, bars=bars, width=WIDTH)


def bar_of(agreement: dict[str, Any]) -> dict[str, float] | None:
    """Where alpha, its interval and zero stand on a line of WIDTH pixels; None where alpha is undefined.

    >>> bar_of({"alpha": 1.0, "alpha_ci": [0.4, 1.0]})
    {'low': 150.0, 'high': 300.0, 'point': 300.0, 'zero': 50.0}
    """
    if agreement["alpha"] is None:
        return None
    low, high = agreement["alpha_ci"] or (agreement["alpha"], agreement["alpha"])
    return {"low": _place(low), "high": _place(high), "point": _place(agreement["alpha"]), "zero": _place(0.0)}


def _place(figure: float) -> float:
    start, end = AXIS
    return round((min(max(figure, start), end) - start) / (end - start) * WIDTH, 1)
