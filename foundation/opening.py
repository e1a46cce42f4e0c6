"""Opens this installation for a command: settings, secrets, a migrated database, and the tasks it may have to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from foundation.cli import say

if TYPE_CHECKING:
    from foundation.database import Database
    from foundation.settings import Settings

_HOOKS: list[Callable[[], object]] = []


def before_opening(hook: Callable[[], object]) -> None:
    """Has the roof's `hook` run when a command opens the installation, and not for commands on plain files."""
    _HOOKS.append(hook)


@contextmanager
def opened_installation() -> Iterator[tuple[Settings, Database]]:
    """This installation and all that may be done in it, for as long as a command needs it.

    Raises:
        BadSettings: production, and a secret is missing or weak.
    """
    for hook in _HOOKS:
        hook()
    with opened_storage() as opened:
        yield opened


@contextmanager
def opened_storage() -> Iterator[tuple[Settings, Database]]:
    """Settings and database alone, for commands that wake nobody and run no job: the queue's libraries are not loaded.

    On the embedded default what is missing is made.

    Raises:
        BadSettings: production, and a secret is missing or weak.
    """
    settings, database = _open()
    try:
        yield settings, database
    finally:
        database.engine.dispose()


def _open() -> tuple[Settings, Database]:
    from foundation.database import open_database
    from foundation.migrations import migrate
    from foundation.settings import load_settings, make_secrets

    settings = load_settings()
    if not settings.is_production:
        if not settings.home.exists():
            say(f"nothing was kept in {settings.home} yet: it is made now; WINNOW_HOME names another folder")
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_secrets(settings.home)
        settings = load_settings()
    database = open_database(settings.database, pool_size=2)
    migrate(database)
    return settings, database
