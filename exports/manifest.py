"""manifest.json and manifest.sha256: what a version was made of, what it holds, and how to see that nothing changed.

The digest is the SHA-256 of one line a file, `path TAB bytes TAB sha256 LF`, in the order of the paths' bytes, over
every file but the two manifests. `manifest.sha256` is for `sha256sum -c` and covers all files but itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

import orjson

from exports.contents import Contents
from exports.files import FileEntry
from exports.gates import GateResult
from exports.plan import FrozenInputs, VersionPlan

MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "manifest.sha256"
FORMAT: Final = 1


def digest_of(files: Iterable[FileEntry]) -> str:
    """The version's digest: see the head of this module.

    >>> digest_of([])[:16]
    'e3b0c44298fc1c14'
    """
    digest = hashlib.sha256()
    for file in _by_path(files):
        digest.update(f"{file.path}\t{file.bytes}\t{file.sha256}\n".encode())
    return digest.hexdigest()


def json_bytes(document: Any) -> bytes:
    """A document as the same bytes everywhere: keys in order, two blanks, one line feed at the end."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def manifest_document(plan: VersionPlan, contents: Contents, files: Iterable[FileEntry]) -> dict[str, Any]:
    listed = _by_path(files)
    return {
        "format": FORMAT,
        "project": plan.project,
        "version": plan.version,
        "parent": plan.parent,
        "draft": plan.draft,
        "inputs": _inputs(plan.inputs),
        "counts": _counts(plan, contents),
        "gates": [gate_document(gate) for gate in plan.gates],
        "leakage": asdict(contents.leakage),
        "left_out": [{"item": left.item, "reason": str(left.reason)} for left in contents.left_out],
        "not_in_effect": list(plan.not_in_effect),
        "files": [asdict(file) for file in listed],
        "digest": digest_of(listed),
    }


def checksum_lines(files: Iterable[FileEntry]) -> bytes:
    """The text of `manifest.sha256` for the files given, which should be all but itself."""
    return "".join(f"{file.sha256}  {file.path}\n" for file in _by_path(files)).encode()


def gate_document(gate: GateResult) -> dict[str, Any]:
    return asdict(gate)


def _by_path(files: Iterable[FileEntry]) -> list[FileEntry]:
    return sorted(files, key=lambda file: file.path.encode())


def _inputs(inputs: FrozenInputs) -> dict[str, Any]:
    return {
        "revision": inputs.revision,
        "annotations_upto_seq": inputs.annotations_upto_seq,
        "consent_cut": inputs.consent_cut,
        "seed": inputs.seed,
        "lock_sha256": inputs.lock_sha256,
        "export": dict(inputs.settings),
    }


def _counts(plan: VersionPlan, contents: Contents) -> dict[str, Any]:
    return {
        "rows": contents.total,
        "splits": dict(contents.rows),
        "signals": contents.signals,
        "labelled": contents.labelled,
        "labels": contents.labels,
        "left_out": contents.left_out_by_reason(),
        "not_used": dict(plan.not_used),
    }
