"""The wall clocks of Winnow's processes, to be moved while they run: a small library that is loaded before all others."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


@dataclass(frozen=True)
class Clocks:
    """`environment` is for the processes that shall have them. Waiting, which counts from the start of the machine, is not moved."""

    file: Path
    library: Path

    @classmethod
    def made_in(cls, folder: Path) -> Clocks | None:
        """None where no compiler is at hand, or the system is not Linux."""
        file, library = folder / "clocks", folder / "clock.so"
        made = ["-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        compiler = shutil.which("gcc")
        if compiler is None or not Path("/proc/self/cmdline").exists():
            return None
        if subprocess.run([compiler, *made], capture_output=True, check=False).returncode:
            return None
        clocks = cls(file, library)
        file.write_bytes(_as_bytes(0, 0))
        return clocks

    @property
    def environment(self) -> dict[str, str]:
        before = os.environ.get("LD_PRELOAD")
        return {
            "LD_PRELOAD": f"{self.library}:{before}" if before else str(self.library),
            "CAMPAIGN_CLOCKS": str(self.file),
        }

    def set(self, *, api_s: int, jobs_s: int) -> None:
        """How far the clocks of the API, and of worker and scheduler, go ahead from now on, in seconds."""
        with self.file.open("r+b") as file:  # in place: the processes look at these very bytes
            file.write(_as_bytes(api_s, jobs_s))


def _as_bytes(api_s: int, jobs_s: int) -> bytes:
    return struct.pack("=qq", api_s, jobs_s)
