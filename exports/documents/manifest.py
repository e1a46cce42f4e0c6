"""manifest.json and manifest.sha256: what a version was made of, what it holds, and how to see that nothing changed.

The digest is the SHA-256 of manifest.json as it would be written without its digest. That names every other file with its
SHA-256, so whoever knows the digest knows all bytes, and every figure and input that the manifest states.
`manifest.sha256` is for `sha256sum -c` and covers all files but itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson

from exports.documents.contents import Contents
from exports.files import FileEntry
from exports.gates import GateResult
from exports.inputs.plan import FORMAT, FrozenInputs, VersionPlan

MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "manifest.sha256"


def digest_of(manifest: Mapping[str, Any]) -> str:
    """The version's digest: see the head of this module.

    >>> digest_of({"files": [], "digest": "of no account"}) == digest_of({"files": []})
    True
    """
    stated = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json_bytes(stated)).hexdigest()


def json_bytes(document: Any) -> bytes:
    """A document as the same bytes everywhere: keys in order, two blanks, one line feed at the end."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def json_bytes_in_order(document: Any) -> bytes:
    """The same with the keys as they come, where their order tells something: labels stand in the order of their numbers."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def manifest_document(plan: VersionPlan, contents: Contents, files: Iterable[FileEntry]) -> dict[str, Any]:
    manifest = {
        "format": FORMAT,
        "project": plan.project,
        "version": plan.version,
        "parent": plan.parent,
        "draft": plan.draft,
        "inputs": _inputs(plan.inputs),
        "counts": _counts(plan, contents),
        "gates": [gate_document(gate) for gate in plan.gates],
        "warnings": list(plan.warnings),
        "overrides": [asdict(setting) for setting in plan.overrides],
        "lowered": [asdict(setting) for setting in plan.lowered],
        "leakage": asdict(contents.leakage),
        "left_out": [{"item": left.item, "reason": str(left.reason)} for left in contents.left_out],
        "not_in_effect": list(plan.not_in_effect),
        "instead": dict(plan.instead),
        "files": [asdict(file) for file in _by_path(files)],
    }
    return manifest | {"digest": digest_of(manifest)}


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
        "groups": {figure.side: figure.groups for figure in plan.sides},
        "signals": contents.signals,
        "labelled": contents.labelled,
        "labels": contents.labels,
        "unresolved": contents.unresolved,
        "left_out": contents.left_out_by_reason(),
        "not_used": dict(plan.not_used),
    }
