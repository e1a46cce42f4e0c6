"""Exports' part of the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from collector.project import load_file
from exports.plan import column_faults
from exports.project import DEFINITIONS, parse_export
from foundation.errors import Fault
from labeling.project import parse_labeling


class ExportsSection:
    """How the project file's `export` is read."""

    definitions = DEFINITIONS

    def check(self, body: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[Sequence[Fault], Mapping[str, str]]:
        labeling, _ = parse_labeling(body.get("labeling"), body.get("questions"), fields)
        parsed, faults = parse_export(body.get("export"), list(labeling.questions))
        return [
            *faults,
            *column_faults(fields, parsed.targets, load_file(body).context_names),
        ], parsed.instead

    def breaks(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:
        """What scripts that read versions would stumble over."""
        before, after = (set((body.get("export") or {}).get("targets") or []) for body in (old, new))
        return [f"target {name} is no longer exported" for name in sorted(before - after)]

    def judge(self, session: Session, project_id: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Export rules may change at any time: each version keeps the revision it was built from."""


SECTION = ExportsSection()
