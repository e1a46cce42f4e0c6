"""Exports' part of the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from collector.project_file import ProjectFile
from exports.column_names import column_faults
from exports.project import DEFINITIONS, ExportSection, parse_export
from exports.promises import promises_lowered
from foundation.document.definitions import Reader
from foundation.errors import Fault
from labeling.section import SECTION as LABELING


class ExportPart:
    """How the project file's `export` is read."""

    definitions = DEFINITIONS

    def read(self, reader: Reader, file: ProjectFile) -> ExportSection:
        labeling = file.section(LABELING)
        section, faults = parse_export(file.body.get("export"), list(labeling.questions))
        reader.take_over([*faults, *names_twice(file, section)])
        reader.instead.update(section.instead)
        return section

    def breaks(self, old: ProjectFile, new: ProjectFile) -> Sequence[str]:
        """What scripts that read versions would stumble over."""
        before, after = (set((body.get("export") or {}).get("targets") or []) for body in (old.body, new.body))
        return [f"target {name} is no longer exported" for name in sorted(before - after)]

    def judge(self, session: Session, project_id: int, old: ProjectFile, new: ProjectFile) -> None:
        """Export rules may change at any time: each version keeps the revision it was built from."""

    def lowers(self, old: ProjectFile, new: ProjectFile) -> Sequence[Mapping[str, Any]]:
        return [asdict(setting) for setting in promises_lowered(old.section(self), new.section(self))]


SECTION = ExportPart()


def names_twice(file: ProjectFile, section: ExportSection) -> list[Fault]:
    """Names of fields, context and questions that would give a version two columns of one name."""
    return column_faults(
        (field.name for field in file.fields),
        section.targets,
        file.context_names,
        unmeasured=file.section(LABELING).configuration.unmeasured_named,
    )
