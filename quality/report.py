"""What was measured, as one document: for machines as JSON, for people as a page and a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labeling.annotators import alias_of

if TYPE_CHECKING:
    from quality.agreement.measure import Agreement
    from quality.results import SuiteResult


DECIMALS = 4


@dataclass(frozen=True)
class QuestionFigures:
    """What is known of one question. `ties`: items whose answers speak for two values alike, which have no consensus."""

    kind: str
    level: str
    consensus: str
    agreement: Agreement
    ties: int = 0


@dataclass(frozen=True)
class QualityReport:
    """The figures of a project at one number of the annotations' sequence.

    Attributes:
        questions: by name.
        expectations: None where the project file has none.
        not_measured: control tags whose answers are kept and not measured.
        unanswerable: items that three people skipped.
    """

    revision: int
    annotations_upto_seq: int
    n_signals: int
    questions: Mapping[str, QuestionFigures]
    expectations: SuiteResult | None
    not_measured: tuple[str, ...]
    unanswerable: int

    @property
    def agreement(self) -> dict[str, Agreement]:
        return {name: figures.agreement for name, figures in self.questions.items()}

    def as_json(self) -> dict[str, Any]:
        """The stored document. Failing rows are counted here and kept in a table of their own."""
        return {
            "revision": self.revision,
            "annotations_upto_seq": self.annotations_upto_seq,
            "signals": self.n_signals,
            "questions": {
                name: {
                    "kind": figures.kind,
                    "level": figures.level,
                    "consensus": figures.consensus,
                    "ties": figures.ties,
                    "agreement": _by_number(figures.agreement.as_json()),
                }
                for name, figures in self.questions.items()
            },
            "expectations": self._expectations(),
            "not_measured": list(self.not_measured),
            "unanswerable": self.unanswerable,
        }

    def _expectations(self) -> dict[str, Any] | None:
        if self.expectations is None:
            return None
        document = self.expectations.as_json()
        for result in document["expectations"]:
            del result["failing_rows"]
        return document


def aggregates_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report without figures of single annotators, as it travels with a version.

    Figures of agreement are rounded to 4 decimals there: two machines may differ in the last digit of a float, and a
    version has the same bytes on both.
    """
    questions = {
        name: {
            **figures,
            "agreement": {key: _rounded(v) for key, v in figures["agreement"].items() if key != "cohen_kappa"},
        }
        for name, figures in report["questions"].items()
    }
    return {**report, "questions": questions}


def _rounded(figure: Any) -> Any:
    """A float or a list of them to 4 decimals; adding zero turns -0.0 into 0.0."""
    if isinstance(figure, list):
        return [_rounded(part) for part in figure]
    return round(figure, DECIMALS) + 0.0 if isinstance(figure, float) else figure


def with_aliases(report: Mapping[str, Any], aliases: Mapping[int, str]) -> dict[str, Any]:
    """A report that calls annotators as a lead does, for those who may know: a lead may have given people's own names.

    The stored report calls them by number, so that an alias given later is seen in older reports, too.
    """
    called = {alias_of(no): alias for no, alias in aliases.items()}
    questions = {
        name: {**figures, "agreement": _renamed(figures["agreement"], called)}
        for name, figures in report["questions"].items()
    }
    return {**report, "questions": questions}


def _renamed(agreement: Mapping[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    pairs = [
        {**pair, "a": called.get(pair["a"], pair["a"]), "b": called.get(pair["b"], pair["b"])}
        for pair in agreement["cohen_kappa"]
    ]
    return {**agreement, "cohen_kappa": pairs}


def _by_number(agreement: dict[str, Any]) -> dict[str, Any]:
    """Annotators by number alone, which everybody may see."""
    pairs = [{**pair, "a": alias_of(pair["a"]), "b": alias_of(pair["b"])} for pair in agreement["cohen_kappa"]]
    return {**agreement, "cohen_kappa": pairs}
