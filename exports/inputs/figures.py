"""The figures of quality as a version needs them: for its gates, its card, and `quality.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from exports.gates import AgreementFigure, ExpectationsFigure
from exports.inputs.snapshot import Frozen
from exports.inputs.statements import pairable_items
from foundation.settings import Settings
from quality.limited_suite import within
from quality.report import aggregates_of
from quality.service import measure_project

if TYPE_CHECKING:
    from quality.agreement.measure import Agreement


@dataclass(frozen=True)
class Measured:
    """What was measured at the frozen number of the annotations' sequence; `report` names no annotator."""

    agreement: tuple[AgreementFigure, ...]
    expectations: ExpectationsFigure
    report: Mapping[str, Any]


def measure(session: Session, frozen: Frozen, settings: Settings) -> Measured:
    """Measures the project as it was frozen; its expectations within the installation's limits. Heavy: for workers."""
    upto_seq = frozen.inputs.annotations_upto_seq
    report = measure_project(session, frozen.project_id, upto_seq=upto_seq, run=within(settings))
    figures = []
    for name, agreement in report.agreement.items():
        pairable = session.connection().execute(pairable_items(frozen.project_id, name, upto_seq)).scalar_one()
        figures.append(_figure(name, frozen.labeling.questions[name].level.value, agreement, int(pairable)))
    results = report.expectations.results if report.expectations else ()
    broken = sum(not result.success for result in results)
    unfinished = report.expectations.unfinished if report.expectations else ()
    outcome = ExpectationsFigure(len(results), broken, unfinished)
    return Measured(tuple(figures), outcome, aggregates_of(report.as_json()))


def _figure(target: str, level: str, agreement: Agreement, pairable: int) -> AgreementFigure:
    interval = agreement.alpha_ci
    return AgreementFigure(
        target=target,
        level=level,
        alpha=agreement.alpha,
        lower=interval.low if interval else None,
        upper=interval.high if interval else None,
        n_items=pairable,
        n_annotations=agreement.n_annotations,
        reason=agreement.reasons.get("alpha") or agreement.reasons.get("alpha_ci"),
        precision=agreement.precision,
    )
