"""How labeling reads its part of the project file, and when a change of it may not be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from collector.project import ConfigIncompatible
from collector.project_file import ProjectFile
from collector.queries import current_file
from foundation.document.definitions import Reader
from foundation.errors import Fault
from labeling.project import DEFINITIONS, OWN_FIELDS, LabelingSection, parse_labeling
from labeling.queries import count_raw_results, count_values
from labeling.questions.configuration import LabelingConfiguration, compare
from labeling.questions.question import Break, BreakReason
from labeling.task_table.reading import count_tasks_there

REMEDY = "keep what is there and add the new beside it, or make a new project"


class LabelingPart:
    """The keys `labeling` and `questions`."""

    definitions = DEFINITIONS

    def read(self, reader: Reader, file: ProjectFile) -> LabelingSection:
        declared = {field.name: field.kind for field in file.fields}
        section, faults = parse_labeling(file.body.get("labeling"), file.body.get("questions"), declared)
        reader.take_over(faults)
        reader.instead.update(section.instead)
        if any(field in OWN_FIELDS for field in section.configuration.fields):
            detail = f"a field shown to annotators may not be named {' or '.join(OWN_FIELDS)}: Winnow uses the name"
            reader.fault("/labeling/config", "wrong_value", detail)
        return section

    def breaks(self, old: ProjectFile, new: ProjectFile) -> Sequence[str]:
        """What the change would break for those who rely on the old questions."""
        return [found.detail for found in compare(old.section(self).configuration, new.section(self).configuration)]

    def judge(self, session: Session, project_id: int, old: ProjectFile, new: ProjectFile) -> None:
        """Refuses a change of the configuration that answers or tasks do not survive.

        Raises:
            ConfigIncompatible: it says which question loses what, and how much that would orphan.
        """
        before, after = old.section(self).configuration, new.section(self).configuration
        faults, n_lost = [], 0
        for found in compare(before, after):
            n, of = _lost(session, project_id, found, after)
            n_lost += n
            if n:
                faults.append(Fault("/labeling/config", found.reason.value, f"{found.detail}, and there are {n} {of}"))
        if faults:
            raise ConfigIncompatible(f"{faults[0].detail}: {REMEDY}", faults=faults, count=n_lost)

    def lowers(self, old: ProjectFile, new: ProjectFile) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        return ()


SECTION = LabelingPart()


def current_labeling(session: Session, project_id: int) -> tuple[int, LabelingSection]:
    """The newest revision's number and what it says about labeling."""
    number, file = current_file(session, project_id)
    return number, file.section(SECTION)


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
