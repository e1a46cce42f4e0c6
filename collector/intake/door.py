"""What a batch is judged by: the project as it stands, who sends, and the older revisions that apps may be built for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

from sqlmodel import Session

from collector.intake.identity import Names
from collector.intake.payload import PayloadReader, reader_of
from collector.intake.revisions import History
from collector.project_file import ProjectFile
from collector.queries import AtTheDoor, at_the_door, file_of, history_until
from collector.subjects.proof import Speaker

Opened = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Door:
    """All that a batch is judged by; read once, before the first signal. Older revisions are read when one asks for them."""

    project_id: int
    number: int
    file: ProjectFile
    names: Names
    speaker: Speaker
    has_erasures: bool
    has_letters: bool
    read: Opened
    readers: dict[int, tuple[ProjectFile, PayloadReader]] = field(default_factory=dict)

    def reader(self, number: int) -> tuple[ProjectFile, PayloadReader]:
        """The file of a revision from 1 to the newest, and its reader."""
        if number not in self.readers:
            file = self.file
            if number != self.number:
                with self.read() as session:
                    file = file_of(session, self.project_id, number)
            self.readers[number] = file, reader_of(file, self.file)
        return self.readers[number]

    @cached_property
    def history(self) -> History:
        with self.read() as session:
            return history_until(session, self.project_id, self.number)


def open_door(
    session: Session,
    project_id: int,
    names: Names,
    *,
    speaker: Speaker,
    read: Opened | None = None,
) -> Door:
    """The project as it stands now. `read` opens a session for older revisions, where this one is closed by then."""
    found = at_the_door(session, project_id)
    file = file_of(session, project_id, found.revision)
    return door_of(found, file, project_id, names, speaker=speaker, read=read or (lambda: nullcontext(session)))


def door_of(
    found: AtTheDoor, file: ProjectFile, project_id: int, names: Names, *, speaker: Speaker, read: Opened
) -> Door:
    """The same for who knows already how the project stands."""
    return Door(project_id, found.revision, file, names, speaker, found.has_erasures, found.has_letters, read)
