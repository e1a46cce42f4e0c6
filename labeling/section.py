"""How labeling reads its part of the project file, and when a change of it may not be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from collector.project import ConfigIncompatible
from foundation.errors import Fault
from labeling.project import DEFINITIONS, parse_labeling
from labeling.queries import count_raw_results, count_tasks_there, count_values, labeling_of
from labeling.questions.configuration import LabelingConfiguration, compare
from labeling.questions.question import Break, BreakReason
from labeling.studio.rows import OWN_FIELDS

REMEDY = "keep what is there and add the new beside it, or make a new project"


class LabelingSection:
    """The keys `labeling` and `questions`."""

    definitions = DEFINITIONS

    def check(self, body: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[Sequence[Fault], Mapping[str, str]]:
        """Faults; and what is done instead of settings that are not acted upon yet, by pointer."""
        section, faults = parse_labeling(body.get("labeling"), body.get("questions"), fields)
        taken = [field for field in section.configuration.fields if field in OWN_FIELDS]
        if taken:
            detail = f"a field shown to annotators may not be named {' or '.join(OWN_FIELDS)}: Winnow uses the name"
            faults = [*faults, Fault("/labeling/config", "wrong_value", detail)]
        return faults, section.instead

    def breaks(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:
        """What the change would break for those who rely on the old questions."""
        return [found.detail for found in compare(labeling_of(old).configuration, labeling_of(new).configuration)]

    def judge(self, session: Session, project_id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Refuses a change of the configuration that answers or tasks do not survive.

        Raises:
            ConfigIncompatible: it says which question loses what, and how much that would orphan.
        """
        before, after = labeling_of(old).configuration, labeling_of(new).configuration
        faults, n_lost = [], 0
        for found in compare(before, after):
            n, of = _lost(session, project_id, found, after)
            n_lost += n
            if n:
                faults.append(Fault("/labeling/config", found.reason.value, f"{found.detail}, and there are {n} {of}"))
        if faults:
            raise ConfigIncompatible(f"{faults[0].detail}: {REMEDY}", faults=faults, count=n_lost)

    def lowers(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()


SECTION = LabelingSection()


def _lost(session: Session, project_id: int, found: Break, after: LabelingConfiguration) -> tuple[int, str]:
    """How much a break would orphan, and of what."""
    if found.question is None:
        return count_tasks_there(session, project_id), "tasks without it"
    counts = count_values(session, project_id, found.question)
    if not counts:
        return count_raw_results(session, project_id, found.question), "answers to it"
    question = after.question_named.get(found.question)
    if question is None or found.reason in {BreakReason.KIND_CHANGED, BreakReason.OBJECT_CHANGED}:
        return sum(counts.values()), "answers to it"
    if found.reason is BreakReason.CHOICE_REMOVED and found.value is not None:
        return counts.get(found.value, 0), "answers that chose it"
    return sum(n for value, n in counts.items() if isinstance(question.read(value), Fault)), "answers beyond it"
