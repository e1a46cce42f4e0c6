"""Measures a project and keeps the report."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func
from sqlmodel import Session, col, select

from collector.models import Signal
from collector.queries import count_signals, current_file, read_project, usable_items
from foundation.database import insert_ignoring
from foundation.progress import Progress, untold
from labeling.consensus.choice import Judge, count_ties, method_in_effect
from labeling.consensus.votes import Background
from labeling.project import LabelingSection, QuestionSettings
from labeling.queries import CountedAnswer, counted_answers, list_unanswerable, newest_seq
from labeling.questions.question import Question
from labeling.section import current_labeling
from quality.expectation import Expectation
from quality.limited_suite import RunSuite, run_suite_limited
from quality.models import FailingRow, Report
from quality.queries import signals_frame
from quality.report import QualityReport, QuestionFigures
from quality.section import SECTION

if TYPE_CHECKING:
    import pandas as pd

    from quality.results import SuiteResult

REPORTS_KEPT = 20
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Facts:
    """All that a report is made of, read at one moment; `upto_seq` is the annotations' sequence number then."""

    revision: int
    upto_seq: int
    n_signals: int
    labeling: LabelingSection
    answers: Mapping[str, Sequence[CountedAnswer]]
    seed: Any
    suite: Sequence[Expectation]
    signals: pd.DataFrame | None
    unanswerable: int


def measure_project(
    session: Session,
    project_id: int,
    *,
    upto_seq: int | None = None,
    progress: Progress = untold,
    run: RunSuite = run_suite_limited,
) -> QualityReport:
    """Reads and measures, for who holds a snapshot that must last anyway; see `read_facts` and `measure`."""
    return measure(read_facts(session, project_id, upto_seq=upto_seq), progress=progress, run=run)


def read_facts(session: Session, project_id: int, *, upto_seq: int | None = None) -> Facts:
    """What counts at a number of the annotations' sequence, by default now. Computes nothing, so that its transaction is short."""
    upto = newest_seq(session, project_id) if upto_seq is None else upto_seq
    revision, labeling = current_labeling(session, project_id)
    usable = {row[0] for row in session.connection().execute(usable_items(project_id))}
    answers = {
        question.name: [
            answer
            for answer in counted_answers(session, project_id, question.name, upto_seq=upto)
            if answer.item in usable
        ]
        for question in labeling.configuration.questions
    }
    _, file = current_file(session, project_id)
    suite = file.section(SECTION)
    return Facts(
        revision=revision,
        upto_seq=upto,
        n_signals=count_signals(session, project_id),
        labeling=labeling,
        answers=answers,
        seed=read_project(session, project_id).seed,
        suite=suite,
        signals=signals_frame(session, project_id, file) if suite else None,
        unanswerable=len(list_unanswerable(session, project_id)),
    )


def measure(facts: Facts, *, progress: Progress = untold, run: RunSuite = run_suite_limited) -> QualityReport:
    """The figures of a project. Heavy, and without a session: no transaction waits for what a project makes us compute.

    The same rows give the same figures: the resampling is seeded by the project.

    Args:
        progress: takes how many questions and suites are measured, and of how many.
        run: runs the expectations; by default in a child process with limits.
    """
    labeling = facts.labeling
    asked = labeling.configuration.questions
    figures: dict[str, QuestionFigures] = {}
    for question in asked:
        progress(len(figures), len(asked) + 1)
        settings = labeling.questions[question.name]
        figures[question.name] = _figures_of(question, settings, facts.answers[question.name], seed=facts.seed)
    progress(len(asked), len(asked) + 1)
    return QualityReport(
        revision=facts.revision,
        annotations_upto_seq=facts.upto_seq,
        n_signals=facts.n_signals,
        questions=figures,
        expectations=_expectations(facts, run),
        not_measured=tuple(tag.name for tag in labeling.configuration.unmeasured),
        unanswerable=facts.unanswerable,
    )


def store_report(session: Session, project_id: int, report: QualityReport, *, now: datetime) -> Report:
    """Keeps a report and every row that fails an expectation; the oldest reports make room."""
    newest = session.exec(
        select(func.coalesce(func.max(Report.no), 0)).where(col(Report.project_id) == project_id)
    ).one()
    row = Report(
        project_id=project_id,
        no=int(newest) + 1,
        revision=report.revision,
        annotations_upto_seq=report.annotations_upto_seq,
        n_signals=report.n_signals,
        created_at=now,
        body=report.as_json(),
    )
    session.add(row)
    session.flush()
    _store_failing_rows(session, row, report.expectations)
    _forget(session, project_id, row.no - REPORTS_KEPT)
    return row


def forget_erased(session: Session, project_id: int) -> int:
    """Takes the erased signals' ids out of the kept failing rows; how many went."""
    alive = exists().where(col(Signal.project_id) == FailingRow.project_id, col(Signal.id) == FailingRow.signal_id)
    gone = session.connection().execute(delete(FailingRow).where(col(FailingRow.project_id) == project_id, ~alive))
    return int(gone.rowcount)


def _figures_of(
    question: Question, settings: QuestionSettings, answers: Sequence[CountedAnswer], *, seed: Any
) -> QuestionFigures:
    import numpy as np

    from quality.agreement.measure import measure_agreement

    items = [answer.item.int for answer in answers]
    values = [question.of_stored(answer.value) for answer in answers]
    # Whatever a question's order of choices is, an ordinal scale of texts needs it.
    order = [str(choice) for choice in question.order] if question.order and not question.is_numeric else None
    method = method_in_effect(question, settings.consensus)
    judge = Judge(method, settings.level, Background(Counter(values), question.order))
    return QuestionFigures(
        kind=question.kind,
        level=settings.level.value,
        consensus=method.value,
        agreement=measure_agreement(
            items,
            [answer.annotator for answer in answers],
            values,
            settings.level,
            order=order,
            rng=np.random.default_rng(seed),
        ),
        ties=count_ties(items, values, judge),
    )


def _expectations(facts: Facts, run: RunSuite) -> SuiteResult | None:
    return None if facts.signals is None else run(facts.signals, facts.suite, row_id="signal")


def _forget(session: Session, project_id: int, upto_no: int) -> None:
    for table, number in ((FailingRow, FailingRow.report_no), (Report, Report.no)):
        session.connection().execute(delete(table).where(col(table.project_id) == project_id, col(number) <= upto_no))


def _store_failing_rows(session: Session, report: Report, suite: SuiteResult | None) -> None:
    for position, result in enumerate(suite.results if suite else ()):
        named = {"project_id": report.project_id, "report_no": report.no, "expectation": position}
        for start in range(0, len(result.failing_rows), ROWS_AT_ONCE):
            part = result.failing_rows[start : start + ROWS_AT_ONCE]
            rows = [{**named, "signal_id": uuid.UUID(signal)} for signal in part]
            insert_ignoring(session, FailingRow.__table__, rows)  # type: ignore[attr-defined]
