"""Opens this installation for a command: settings, secrets, a migrated database."""

from __future__ import annotations

from foundation.database import Database, open_database
from foundation.migrations import migrate
from foundation.settings import Settings, load_settings, make_secrets


def open_installation() -> tuple[Settings, Database]:
    """What a command works on; on the embedded default what is missing is made.

    Raises:
        BadSettings: production, and a secret is missing or weak.
    """
    settings = load_settings()
    if not settings.is_production:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_secrets(settings.home)
        settings = load_settings()
    database = open_database(settings.database, pool_size=2)
    migrate(database)
    return settings, database
