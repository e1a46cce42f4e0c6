"""What a HOME holds, row by row and file by file, and what of it two undisturbed runs agree about."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as fixed_sqlite

DATABASE = "winnow.sqlite3"
FILES = "files"
"""Stands among the tables: name, size and digest of each file but the database's."""
OTHERWISE = frozenset({"jobs", "steps", "activity", "activity_heads", "heartbeats", "versions"})
"""What was begun twice is told twice there; an operation that cares looks at them itself."""
NUMBERED = frozenset({"first_version", "version_no"})
"""Which number a version has depends on how often a build was begun; a build looks at it itself."""
Rows = Sequence[Mapping[str, Any]]
Holdings = Mapping[str, Rows]


@dataclass(frozen=True)
class Agreed:
    """Of each table the columns that had the same values after two undisturbed runs, and the rows, of those columns."""

    columns: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, Counter[str]]

    @classmethod
    def of(cls, one: Holdings, other: Holdings, *, otherwise: frozenset[str] = frozenset()) -> Agreed:
        columns = {
            table: tuple(name for name in _names(rows) if _of(rows, [name]) == _of(other[table], [name]))
            for table, rows in one.items()
            if table not in OTHERWISE | otherwise
        }
        return cls(columns, {table: _of(one[table], names) for table, names in columns.items()})

    def differences(self, found: Holdings) -> list[str]:
        """Rows too many and too few, in words."""
        told = []
        for table, names in self.columns.items():
            wanted, there = self.rows[table], _of(found.get(table, ()), names)
            told += [f"{table}: {n} too many of {row[:200]}" for row, n in (there - wanted).items()]
            told += [f"{table}: {n} missing of {row[:200]}" for row, n in (wanted - there).items()]
        return told


def holdings_of(home: Path) -> Holdings:
    """All rows and files. Nobody may be writing."""
    with closing(fixed_sqlite.connect(home / DATABASE, timeout=10)) as connection:
        connection.row_factory = fixed_sqlite.Row
        tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        held: dict[str, Rows] = {
            table: [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')] for table in tables
        }
    held[FILES] = [
        {
            "name": path.name,
            "size_bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith(DATABASE)
    ]
    return held


def _names(rows: Rows) -> Sequence[str]:
    return [name for name in rows[0] if name not in NUMBERED] if rows else []


def _of(rows: Rows, names: Sequence[str]) -> Counter[str]:
    return Counter(repr([row[name] for name in names]) for row in rows)
