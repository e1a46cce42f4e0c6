"""What the simulated people and devices remember between two runs of the demo, so that the second one is a replay."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FILE = "demo-memory.json"
VERSION_FILE = "demo-version.txt"


@dataclass(frozen=True, slots=True)
class Memory:
    """When the words were captured, and the secret from which subject tokens and passwords are made."""

    began_at: datetime
    secret: str

    def token(self, name: str) -> str:
        """64 hexadecimal characters that are always the same for a name, and that nobody else can make."""
        return hashlib.sha256(f"{self.secret}/{name}".encode()).hexdigest()


def remember(home: Path) -> Memory:
    """The memory kept in HOME; the first run makes it."""
    path = home / FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        kept = {"began_at": datetime.now(UTC).isoformat(timespec="milliseconds"), "secret": secrets.token_hex(32)}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file)
    kept = json.loads(path.read_text())
    return Memory(datetime.fromisoformat(kept["began_at"]), kept["secret"])


def last_version(home: Path) -> str | None:
    """The version that an earlier run ended with."""
    path = home / VERSION_FILE
    return path.read_text() if path.exists() else None


def remember_version(home: Path, version: str) -> None:
    (home / VERSION_FILE).write_text(version)
