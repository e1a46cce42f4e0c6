"""croissant.json: the version described in Croissant 1.1, so that tools for datasets find its files and columns.

Format: MLCommons, "Croissant Format Specification", version 1.1. Its `version` follows semantic versioning as Winnow
does, with one difference that the card tells: Winnow calls a version with fewer rows PATCH when the law took them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from exports.column_names import SIGNAL_COLUMNS, raw_column, target_columns
from exports.files import FileEntry
from exports.inputs.plan import VersionPlan
from exports.shares import SIDES

CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.1"
PARQUET: Final = "application/x-parquet"  # the name that mlcroissant reads
LICENSE: Final = "Only for the purpose stated in the description; see README.md"
PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]")
CROISSANT_WORDS: Final = (
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
    **{name: f"cr:{name}" for name in CROISSANT_WORDS},
}
SIGNAL_COLUMN_TYPES: Final = {"weight": "sc:Float", "n_signals": "sc:Integer"}


def croissant_document(plan: VersionPlan, shards: Mapping[str, Sequence[FileEntry]]) -> dict[str, Any]:
    """The description of a version.

    Args:
        shards: the Parquet files of each side that has some.
    """
    sides = [str(side) for side in SIDES if shards.get(str(side))]
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": plan.folder_name,
        "description": plan.purpose or plan.title or plan.project,
        "license": LICENSE,
        "url": f"urn:winnow:{plan.project}:{plan.version}",
        "version": plan.version,
        "datePublished": plan.inputs.consent_cut,
        "citeAs": f"{plan.title or plan.project}, version {plan.version}",
        "isLiveDataset": False,
        "distribution": [_file_object(file) for side in sides for file in shards[side]]
        + [_file_set(side) for side in sides],
        "recordSet": [_record_set(plan, side) for side in sides],
    }


def identifier(name: str) -> str:
    """A column's name as a part of an id: what is no ASCII letter, digit, `_` or `-` is `~` and two digits a byte of UTF-8.

    Ids may hold no white space, not even when it is escaped as in a URL. Two names never get one id.

    >>> identifier("Is this good?"), identifier("ja/nein"), identifier("mood_n")
    ('Is~20this~20good~3F', 'ja~2Fnein', 'mood_n')
    """
    return PLAIN.sub(lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode()), name)


def _file_object(file: FileEntry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path.rsplit("/", 1)[-1],
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _file_set(side: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{side}-files",
        "name": f"{side}-files",
        "encodingFormat": PARQUET,
        "includes": f"data/{side}-*.parquet",
    }


def _record_set(plan: VersionPlan, side: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": side,
        "name": side,
        "key": {"@id": f"{side}/item"},
        "field": [_field(side, name, data_type) for name, data_type in _column_types(plan)],
    }


def _field(side: str, name: str, data_type: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{side}/{identifier(name)}",
        "name": name,
        "dataType": data_type,
        "source": {"fileSet": {"@id": f"{side}-files"}, "extract": {"column": name}},
    }


def _column_types(plan: VersionPlan) -> list[tuple[str, str]]:
    columns = [(name, SIGNAL_COLUMN_TYPES.get(name, "sc:Text")) for name in SIGNAL_COLUMNS]
    columns += [(spec.name, spec.column.stored.croissant) for spec in plan.fields]
    for target in plan.targets:
        types = (target.column.stored.croissant, "sc:Float", "sc:Integer", "sc:Text", "sc:Text")
        columns += list(zip(target_columns(target.name), types, strict=True))
    columns += [(raw_column(control), "sc:Text") for control in plan.unmeasured]
    columns += [(spec.name, spec.column.stored.croissant) for spec in plan.context]
    return columns
