"""How much room there is, and what a full disk is: intake stops at a low-water mark, before anything is damaged."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

from sqlalchemy.engine import make_url

from foundation.errors import Unavailable
from foundation.reasons import Reason
from foundation.settings import Settings

LOOK_EVERY_S = 1.0
RETRY_AFTER_S = 60
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
FULL_DETAIL = "there is no room left where this is stored: nothing was taken; make room, and it goes on by itself"


class DiskFull(Unavailable):
    """Nothing was stored; reads, erasures and what needs no room go on."""

    title = "There is no room left"

    def __init__(self, detail: str = FULL_DETAIL) -> None:
        super().__init__(detail, retry_after_s=RETRY_AFTER_S, reason=Reason.DISK_FULL.value)


class _Looked:
    """The free bytes of a folder's file system, asked at most once a second: a batch must not pay for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[float, int]] = {}

    def free_bytes(self, folder: Path) -> int:
        with self._lock:
            at, free = self._known.get(folder, (-LOOK_EVERY_S, 0))
            if time.monotonic() - at >= LOOK_EVERY_S:
                free = free_bytes(folder)
                self._known[folder] = (time.monotonic(), free)
            return free


_LOOKED = _Looked()


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write where a folder lies, or would lie."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def has_space(settings: Settings) -> bool:
    """Whether there is more room than the low-water mark, in HOME and beside SQLite's file."""
    return all(_LOOKED.free_bytes(folder) >= settings.min_free_bytes for folder in _folders(settings))


def require_space(settings: Settings) -> None:
    """For what takes something in.

    Raises:
        DiskFull: less is left than the low-water mark.
    """
    if not has_space(settings):
        raise DiskFull


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that it rests on, says that a disk is full or cannot be written."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL:
            return True
        # SQLITE_FULL has no number in pysqlite3, but one sentence; 53100 is PostgreSQL's disk_full.
        if "database or disk is full" in str(seen) or getattr(seen, "sqlstate", None) == "53100":
            return True
        seen = getattr(seen, "orig", None) or seen.__cause__
    return False


def _folders(settings: Settings) -> list[Path]:
    url = make_url(settings.database)
    beside = [Path(url.database).parent] if url.get_backend_name() == "sqlite" and url.database else []
    return [settings.home, *beside]
