"""What happens to a project: a new file makes a new revision, and signals keep theirs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from collector.models import Project, Revision
from collector.project import Checked, Section, breaks_of, load_file
from collector.subjects.consent import reconsider_subjects
from foundation.activity import record_activity
from foundation.document.changes import changes_between
from foundation.errors import Conflict, Fault, InvalidBody, PreconditionFailed


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a project file. `instead`: what is done instead of settings that are not acted upon yet, by pointer."""

    project: str
    revision: int
    is_new: bool
    breaks: tuple[str, ...]
    instead: Mapping[str, str]


def put_project(
    session: Session,
    name: str,
    checked: Checked,
    *,
    sections: Sequence[Section],
    actor: str,
    now: datetime,
    if_match: int | None = None,
) -> Put:
    """Stores a project file: the first makes the project, a changed one a revision, the same one nothing.

    Raises:
        InvalidBody: the file names another project. PreconditionFailed: `if_match` is not the newest revision.
        Conflict: two requests made the project at once, or the labeling configuration would orphan answers.
    """
    if checked.file.name != name:
        raise InvalidBody(
            "the file is of another project than the path",
            faults=[Fault("/project", "wrong_value", "must equal the path's")],
        )
    project = session.exec(select(Project).where(col(Project.name) == name).with_for_update()).first()
    if if_match is not None and (project is None or project.revision != if_match):
        raise PreconditionFailed("the project has another revision by now: read it, merge, and send again")
    if project is None:
        return _create(session, checked, actor=actor, now=now)
    return _revise(session, project, checked, sections=sections, actor=actor, now=now)


def _create(session: Session, checked: Checked, *, actor: str, now: datetime) -> Put:
    file = checked.file
    project = Project(
        name=file.name,
        revision=1,
        seed=secrets.randbits(62),
        consent_required=file.privacy.consent_required,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(project)
            session.flush()
    except IntegrityError as error:
        raise Conflict("the project was made by somebody else this moment: send again") from error
    _add_revision(session, project, checked, actor=actor, now=now)
    return Put(file.name, 1, is_new=True, breaks=(), instead=checked.instead)


def _revise(
    session: Session, project: Project, checked: Checked, *, sections: Sequence[Section], actor: str, now: datetime
) -> Put:
    old_body = _body_of(session, project)
    if old_body == checked.file.body:
        return Put(project.name, project.revision, is_new=False, breaks=(), instead=checked.instead)
    old, new = load_file(old_body), checked.file
    breaks = list(breaks_of(old, new))
    lowered: list[Mapping[str, Any]] = []
    for section in sections:
        section.judge(session, project.id or 0, old, new)
        breaks.extend(section.breaks(old, new))
        lowered.extend(section.lowers(old, new))
    project.revision += 1
    project.consent_required = checked.file.privacy.consent_required
    session.add(project)
    facts = changes_between(old_body, checked.file.body) | ({"lowered": lowered} if lowered else {})
    _add_revision(session, project, checked, actor=actor, now=now, **facts)
    reconsider_subjects(session, project, checked.file.privacy)
    return Put(project.name, project.revision, is_new=False, breaks=tuple(breaks), instead=checked.instead)


def _add_revision(
    session: Session, project: Project, checked: Checked, *, actor: str, now: datetime, **facts: object
) -> None:
    session.add(
        Revision(
            project_id=project.id or 0,
            number=project.revision,
            body=checked.file.body,
            scrub_hash=checked.file.scrub_hash,
            created_at=now,
        )
    )
    record_activity(
        session, "project_revised", actor=actor, project_id=project.id, now=now, revision=project.revision, **facts
    )


def _body_of(session: Session, project: Project) -> dict[str, Any]:
    revision = session.get(Revision, (project.id, project.revision))
    return dict(revision.body) if revision else {}
