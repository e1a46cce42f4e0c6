"""Exports' part of the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from collector.project import load_file
from exports.plan import column_faults
from exports.project import DEFINITIONS, ExportSection, parse_export
from exports.promises import promises_lowered
from foundation.errors import Fault
from labeling.project import parse_labeling
from labeling.queries import labeling_of


class ExportsSection:
    """How the project file's `export` is read."""

    definitions = DEFINITIONS

    def check(self, body: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[Sequence[Fault], Mapping[str, str]]:
        labeling, _ = parse_labeling(body.get("labeling"), body.get("questions"), fields)
        parsed, faults = parse_export(body.get("export"), list(labeling.questions))
        return [
            *faults,
            *column_faults(
                fields,
                parsed.targets,
                load_file(body).context_names,
                unmeasured=labeling.configuration.unmeasured_named,
            ),
        ], parsed.instead

    def breaks(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:
        """What scripts that read versions would stumble over."""
        before, after = (set((body.get("export") or {}).get("targets") or []) for body in (old, new))
        return [f"target {name} is no longer exported" for name in sorted(before - after)]

    def judge(self, session: Session, project_id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Export rules may change at any time: each version keeps the revision it was built from."""

    def lowers(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        return [asdict(setting) for setting in promises_lowered(section_of(old), section_of(new))]


def section_of(body: Mapping[str, Any]) -> ExportSection:
    """The section of a file that is stored: it was checked when it came in."""
    return parse_export(body.get("export") or {}, questions_of(body))[0]


def questions_of(body: Mapping[str, Any]) -> list[str]:
    """The measured questions of a stored file, which may be targets."""
    return [question.name for question in labeling_of(body).configuration.questions]


SECTION = ExportsSection()
