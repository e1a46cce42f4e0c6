"""What the nemesis can do, each fault by the number it has in the list of faults; each leaves the world to be healed."""

from __future__ import annotations

from typing import Final

from tests.chaos.faults import clocks, label_studio, network, processes, servers, storage, versions
from tests.chaos.faults.registry import FAULTS

__all__ = ["FAULTS", "NUMBERS", "clocks", "label_studio", "network", "processes", "servers", "storage", "versions"]

NUMBERS: Final = tuple(sorted(FAULTS, key=lambda name: (int(name[1:].rstrip("bc")), name)))
