"""Reads that join or count: which items may be used, what a project holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, and_, exists, func, or_
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, select

from collector.models import DeadLetter, Item, Project, ProjectCounter, Revision, Signal, Subject
from collector.project import load_file
from collector.project_file import ProjectFile
from collector.project_names import KNOWN, find_project, near_project
from collector.subjects.cover import is_covered
from foundation.database import Database, glance
from foundation.errors import NotFound
from foundation.plain_sql import Statement, ask

if TYPE_CHECKING:
    from collector.intake.revisions import History

CONTEXT_DROPPED = "context_dropped"

_AT_THE_DOOR = Statement(
    f"SELECT revision, has_erasures, has_letters, has_clocks FROM ({KNOWN}) AS known WHERE id = ?"  # noqa: S608 - a constant
)


def project_named(session: Session, name: str) -> int:
    """A project's id by its name, for commands.

    Raises:
        NotFound: there is none; it says how to make one.
    """
    project_id = find_project(session, name)
    if project_id is None:
        near = near_project(session, name)
        raise NotFound(f"{near}there is no such project: `winnow collector apply FILE.yaml` makes it")
    return project_id


def read_project(session: Session, project_id: int) -> Project:
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound("there is no such project here")
    return project


def read_revision(session: Session, project_id: int, number: int) -> Revision:
    revision = session.get(Revision, (project_id, number))
    if revision is None:
        raise NotFound("the project has no such revision")
    return revision


class AtTheDoor(NamedTuple):
    """What every batch needs to know of its project.

    Attributes:
        revision: the number of the newest.
        has_erasures: whether anybody was ever erased; has_letters: whether there are dead letters.
        has_clocks: whether anything is known of its devices' clocks.
    """

    revision: int
    has_erasures: bool
    has_letters: bool
    has_clocks: bool


def at_the_door(session: Session, project_id: int) -> AtTheDoor:
    """The same as the guard was told with a call (`Projects.known`)."""
    rows = ask(session, _AT_THE_DOOR, project_id)
    if not rows:
        raise NotFound("there is no such project here")
    return AtTheDoor(*rows[0])


def current_file(session: Session, project_id: int) -> tuple[int, ProjectFile]:
    """The newest revision's number and its file."""
    number = read_project(session, project_id).revision
    return number, file_of(session, project_id, number)


def file_of(session: Session, project_id: int, number: int) -> ProjectFile:
    """The project file of one revision; parsed once a process and database, since a revision never changes."""
    return _known_revision(session, project_id, number).file


def file_at(database: Database, project_id: int, number: int) -> ProjectFile:
    """`file_of` for who has no session: most batches need none for it."""
    known = _FILES.get(database.engine, {}).get((project_id, number))
    if known is not None:
        return known.file
    with glance(database) as session:
        return file_of(session, project_id, number)


def history_until(session: Session, project_id: int, number: int) -> History:
    """What the revisions up to this one take; made once, when the first signal comes that this one does not take."""
    from collector.intake.revisions import LOOK_BACK, history_of

    known = _known_revision(session, project_id, number)
    if known.history is None:
        bodies = session.exec(
            select(Revision.body)
            .where(
                col(Revision.project_id) == project_id,
                col(Revision.number) <= number,
                col(Revision.number) > number - LOOK_BACK,
            )
            .order_by(col(Revision.number))
        )
        known.history = history_of([load_file(body) for body in bodies], newest=number)
    return known.history


def _known_revision(session: Session, project_id: int, number: int) -> _KnownRevision:
    files = _FILES.setdefault(session.get_bind().engine, {})
    if (project_id, number) not in files:
        files[project_id, number] = _KnownRevision(load_file(read_revision(session, project_id, number).body))
    return files[project_id, number]


def live_signal_passes() -> ColumnElement[bool]:
    """A signal counts while its person's record covers it; without a person, while the project asks for no consent."""
    return or_(
        and_(col(Signal.subject_id).is_(None), ~consent_is_required()),
        exists().where(
            col(Subject.project_id) == Signal.project_id,
            col(Subject.id) == Signal.subject_id,
            is_covered(),
        ),
    )


def consent_is_required() -> ColumnElement[bool]:
    return exists().where(col(Project.id) == Signal.project_id, col(Project.consent_required))


def usable_items(project_id: int, *, among: Select[Any] | None = None) -> Select[Any]:
    """The one view that push, consensus counts and export share: ids of items that are ready, not held, and alive.

    Args:
        among: ids of the only items to look at (`these`).
    """
    alive = [col(Signal.project_id) == Item.project_id, col(Signal.item_id) == Item.id, live_signal_passes()]
    wanted = [col(Item.project_id) == project_id, col(Item.ready), ~col(Item.hold)]
    if among is not None:
        wanted.append(col(Item.id).in_(among))
        # Said of the signals, too: on a table without statistics PostgreSQL goes through all of a project's for each item.
        alive.append(col(Signal.item_id).in_(among))
    return select(Item.id).where(*wanted, exists().where(*alive))


def count_signals(session: Session, project_id: int) -> int:
    """How many signals a project holds, whatever became of their items."""
    return _count(session, select(func.count()).where(col(Signal.project_id) == project_id))


def count_project(session: Session, project_id: int) -> dict[str, int]:
    """What the collector holds of a project; `ready` are the items that a version may use."""
    return {
        "signals": count_signals(session, project_id),
        "items": _count(session, select(func.count()).where(col(Item.project_id) == project_id)),
        "ready": _count(session, select(func.count()).select_from(usable_items(project_id).subquery())),
        "dead_letters": _count(session, select(func.count()).where(col(DeadLetter.project_id) == project_id)),
        CONTEXT_DROPPED: _counted(session, project_id, CONTEXT_DROPPED),
    }


def _count(session: Session, statement: Select[Any]) -> int:
    return int(session.connection().execute(statement).scalar_one())


def _counted(session: Session, project_id: int, name: str) -> int:
    of_counter = (col(ProjectCounter.project_id) == project_id, col(ProjectCounter.name) == name)
    return _count(session, select(func.coalesce(func.sum(ProjectCounter.n), 0)).where(*of_counter))


@dataclass(slots=True)
class _KnownRevision:
    file: ProjectFile
    history: History | None = None


_FILES: WeakKeyDictionary[Engine, dict[tuple[int, int], _KnownRevision]] = WeakKeyDictionary()
