"""Examines an installation part by part; each finding says what to do."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundation.activity import broken_chains
from foundation.database import OLDEST_SAFE_SQLITE, Database, open_database, unit_of_work
from foundation.errors import DomainError
from foundation.migrations import is_current
from foundation.readiness import broker_answers, label_studio_answers
from foundation.settings import Settings, load_settings
from foundation.step_rows import Begun, count_begun, failing_rows

LOW_WATER_BYTES = 1_000_000_000
MOST_FAILING = 5


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    is_well: bool
    detail: str


def examine(environment: Mapping[str, str]) -> list[Finding]:
    """What is well and what is not; the first finding is about the settings, without which the others cannot be made."""
    try:
        settings = load_settings(environment)
    except DomainError as error:
        return [Finding("settings", False, f"{fault.pointer} {fault.detail}") for fault in error.faults] or [
            Finding("settings", False, error.detail)
        ]
    findings = [Finding("settings", True, f"{settings.env.value}, HOME is {settings.home}")]
    for part, check in CHECKS.items():
        try:
            is_well, detail = check(settings)
        except Exception as error:  # noqa: BLE001 - a doctor reports whatever it meets
            is_well, detail = False, f"cannot be examined ({type(error).__name__})"
        findings.append(Finding(part, is_well, detail))
    return findings


def _home(settings: Settings) -> tuple[bool, str]:
    if not settings.home.exists():
        return True, "does not exist yet: `winnow up` makes it"
    mode = stat.S_IMODE(settings.home.stat().st_mode)
    if mode & 0o077:
        return False, f"others on this machine can look into it: chmod 700 {settings.home}"
    free = os.statvfs(settings.home).f_bavail * os.statvfs(settings.home).f_frsize
    if free < LOW_WATER_BYTES:
        return False, "less than 1 GB is free on its disk"
    return True, "only its owner can read it"


def _secrets(settings: Settings) -> tuple[bool, str]:
    if settings.is_production:
        return True, "given by the environment"
    open_ones = [path.name for path in _files(settings.secrets_folder) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        return False, f"readable by others: chmod 600 {settings.secrets_folder}/*"
    return True, "kept in HOME/secrets, or made there at the first start"


def _database(settings: Settings) -> tuple[bool, str]:
    if settings.database.startswith("sqlite"):
        from pysqlite3 import dbapi2

        if dbapi2.sqlite_version_info < OLDEST_SAFE_SQLITE:
            return (
                False,
                f"SQLite {dbapi2.sqlite_version} can lose commits in WAL mode: install pysqlite3 0.6.1 or newer",
            )
        if not settings.database_url and not (settings.home / "winnow.sqlite3").exists():
            return True, "SQLite, made at the first start"
    with _opened(settings) as database, database.engine.connect() as connection:
        if not is_current(connection):
            return False, "its schema is not the newest: `winnow up` migrates it"
        return True, f"{database.engine.dialect.name}, schema is current"


def _activity(settings: Settings) -> tuple[bool, str]:
    if not settings.database_url and not (settings.home / "winnow.sqlite3").exists():
        return True, "nothing was done yet"
    with _opened(settings) as database, unit_of_work(database, read_only=True) as session:
        broken = broken_chains(session)
    if broken:
        names = ", ".join("the installation's own" if chain is None else f"project {chain}'s" for chain in broken)
        return False, f"rows of it were changed or deleted in {names}: compare with a backup"
    return True, "every row carries the hash of the one before it"


def _owed(settings: Settings) -> tuple[bool, str]:
    if not settings.database_url and not (settings.home / "winnow.sqlite3").exists():
        return True, "nothing yet"
    with _opened(settings) as database, unit_of_work(database, read_only=True) as session:
        begun, failing = count_begun(session), failing_rows(session, limit=MOST_FAILING)
    told = [_progress_of(one) for one in begun]
    if not failing:
        return True, "; ".join(told) or "nothing"
    worst = [
        f"{row.step} of {row.kind} {row.of}: {row.strikes} strikes, {row.deaths} workers died: {row.error}"
        for row in failing
    ]
    return False, "; ".join([*told, *worst, "each is tried again: see the worker's log"])


def _progress_of(one: Begun) -> str:
    """How far the steps of one name are.

    >>> _progress_of(Begun("erasure", "labeling", 3, 1, 2, 40, 120))
    'labeling of 3 erasures, 1 at work, 2 tried again, 40 of 120 parts done'
    """
    again = f", {one.tried_again} tried again" if one.tried_again else ""
    parts = f", {one.parts_done} of {one.parts_total} parts done" if one.parts_total else ""
    return f"{one.step} of {one.n_steps} {one.kind}{'s' * (one.n_steps != 1)}, {one.at_work} at work{again}{parts}"


def _broker(settings: Settings) -> tuple[bool, str]:
    if not settings.broker_url:
        return True, "embedded: `winnow up` starts it"
    return (True, "answers") if broker_answers(settings) else (False, "does not answer: see WINNOW_BROKER_URL")


def _label_studio(settings: Settings) -> tuple[bool, str]:
    if not settings.label_studio_url:
        return True, "embedded: `winnow up` starts it"
    if not settings.label_studio_token.get_secret_value():
        return False, "has no token: set WINNOW_LABEL_STUDIO_TOKEN"
    if not label_studio_answers(settings):
        return False, "does not answer: see WINNOW_LABEL_STUDIO_URL"
    if settings.is_production and settings.label_studio_url.startswith("http://"):
        return False, "is reached without encryption: use https"
    return True, "answers"


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    """The database as it is: nothing is made or migrated."""
    database = open_database(settings.database, pool_size=1)
    try:
        yield database
    finally:
        database.engine.dispose()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


CHECKS: dict[str, Callable[[Settings], tuple[bool, str]]] = {
    "home": _home,
    "secrets": _secrets,
    "database": _database,
    "activity log": _activity,
    "owed": _owed,
    "broker": _broker,
    "label studio": _label_studio,
}
