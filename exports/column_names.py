"""What the columns of a version are called, and which names would clash."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category

from foundation.errors import Fault

SIGNAL_COLUMNS = ("item", "split_group", "near_duplicate_set", "weight", "n_signals", "selected_by")
RAW = "raw"
TARGET_SUFFIXES = ("", "_confidence", "_n", "_votes", "_source")
UNPRINTABLE = (
    "the name of a question becomes the name of a column: it may hold no line break or other control character"
)


def target_columns(name: str) -> tuple[str, ...]:
    """The columns one target fills: its consensus under its own name, then how sure it is and who said so."""
    return tuple(f"{name}{suffix}" for suffix in TARGET_SUFFIXES)


def has_control(name: str) -> bool:
    """Whether a name breaks a line, or holds a character that nothing shows."""
    return any(category(character) in ("Cc", "Zl", "Zp", "Cs") for character in name)


def raw_column(control: str) -> str:
    """The column of the answers to a control that is not measured."""
    return f"{control}_raw"


def column_faults(
    fields: Iterable[str], targets: Iterable[str], context: Iterable[str], *, unmeasured: Iterable[str] = ()
) -> list[Fault]:
    """Names that would give a version two columns of one name, each with a pointer into the project file."""
    targets = list(targets)
    placed = [(column, "/labeling/config") for target in targets for column in target_columns(target)]
    placed += [(raw_column(control), "/labeling/config") for control in unmeasured]
    placed += [(name, f"/fields/{name}") for name in fields]
    placed += [(name, "/context") for name in context]
    taken = set(SIGNAL_COLUMNS)
    faults = [Fault("/labeling/config", "wrong_value", UNPRINTABLE) for name in targets if has_control(name)]
    for name, pointer in placed:
        if name in taken:
            detail = f"a version has another column named {name}: give one of the two another name, or leave the question out of `export.targets`"
            faults.append(Fault(pointer, "wrong_value", detail))
        taken.add(name)
    return faults
