"""Installs locked packages by uv and says how far it is. Runs before anything is installed, so it needs Python alone.

`python -m foundation.running.installing NAME PYTHON REQUIREMENTS` makes the environment of PYTHON hold just what the file names.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

SIZE = re.compile(r"Downloading (\S+) \(([\d.]+)([KMG])iB\)")
ARRIVED = re.compile(r"Downloaded (\S+)")
INSTALLED = re.compile(r"(?:Installed|Checked|Audited) (\d+) package")
ROUTINE = re.compile(r"warning:|Using |Resolved |Prepared |Uninstalled |Building |Built |[-+~] ")
"""Lines of uv that a reader can do without; what is left of a failure are its errors, causes and hints."""
MB_OF = {"K": 1.024e-3, "M": 1.048576, "G": 1073.741824}
SAY_EVERY = 0.2


def install(
    name: str,
    python: Path,
    requirements: Path,
    *,
    say: Callable[[str], None],
    environment: dict[str, str] | None = None,
) -> None:
    """Makes the environment of `python` hold what the locked file names, and nothing else.

    Raises:
        CalledProcessError: uv failed; why, it has said by then.
    """
    command = [sys.executable, "-m", "uv", "pip", "sync", "--python", str(python), str(requirements)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, errors="replace"
    ) as running:
        for told in progress(running.stderr or ()):
            say(f"{name}: {told}")
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)


def progress(lines: Iterable[str]) -> Iterator[str]:
    """What a person wants to know of what uv says where no terminal listens.

    >>> list(progress(["Resolved 2 packages in 1s", "Downloading numpy (16.0MiB)", " Downloaded numpy", " + numpy==2.2.6"]))
    ['17 of 17 MB downloaded']
    """
    sizes: dict[str, float] = {}
    arrived, told = 0.0, 0.0
    for line in map(str.strip, lines):
        if found := SIZE.match(line):
            sizes[found[1]] = float(found[2]) * MB_OF[found[3]]
        elif found := ARRIVED.match(line):
            arrived += sizes.get(found[1], 0.0)
            total = sum(sizes.values())
            if arrived >= total or arrived - told >= SAY_EVERY * total:
                told = arrived
                yield f"{arrived:.0f} of {total:.0f} MB downloaded"
        elif found := INSTALLED.match(line):
            yield f"{found[1]} packages installed"
        elif line and not ROUTINE.match(line):
            yield line


def main(name: str, python: str, requirements: str) -> int:
    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    say(f"{name}: installing what {Path(requirements).name} names")
    try:
        install(name, Path(python), Path(requirements), say=say)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
