"""Becomes another program that gets a signal when the one that started it dies, however that dies (Linux; elsewhere no signal).

`python -I -S tether.py PARENT SIGNAL USER PROGRAM ARGUMENT…`: ids as numbers, USER 0 stays who it is. A program of its own,
because Python must not run code between fork and exec in a process that has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, ending: int, user: int, command: list[str]) -> None:
    system = ctypes.CDLL(None)
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if sys.platform == "linux":
        system.prctl(PR_SET_PDEATHSIG, ending, 0, 0, 0)  # a change of user would undo it
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the program that our caller names


def tethered(command: list[str], *, ending: signal.Signals, user: int = 0) -> list[str]:
    """The command to start instead of `command`, from a thread that lives on: Linux looks at the thread."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(ending)), str(user), *command]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
