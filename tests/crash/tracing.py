"""Kills a process, with its threads and children, as it enters its n-th writing system call; ptrace and seccomp, Linux on x86-64.

The process asks the kernel to stop at the calls of CALLS and at no other, so it runs at its own speed between them. The
count is one for the whole operation: calls of any kind, thread and child, in the order in which they come.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field

CALLS = {
    "write": 1,
    "pwrite64": 18,
    "writev": 20,
    "sendto": 44,
    "sendmsg": 46,
    "fsync": 74,
    "fdatasync": 75,
    "ftruncate": 77,
    "rename": 82,
    "mkdir": 83,
    "rmdir": 84,
    "link": 86,
    "unlink": 87,
    "unlinkat": 263,
    "renameat": 264,
    "renameat2": 316,
}
"""What changes a file or speaks to another process, with its number on x86-64."""
_NAMES = list(CALLS)

_SEIZE, _CONT, _EVENT_MESSAGE = 0x4206, 7, 0x4201
_FOLLOW = 0x2 | 0x4 | 0x8 | 0x10  # fork, vfork, clone, exec
_AT_CALLS, _END_WITH_TRACER = 0x80, 0x100000
_EVENT_CALL, _EVENT_STOP = 7, 128
_ANY_THREAD = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@dataclass
class Traced:
    """How it went: the calls that were entered, in order, and the exit code, negative for a signal."""

    calls: list[str] = field(default_factory=list)
    code: int = 0


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def stop_at_calls() -> None:
    """From now on this process, and all that it starts, stops at CALLS for its tracer. There is no way back."""
    load, jump_if_equal, answer = 0x20, 0x15, 0x06
    trace, allow = 0x7FF00000, 0x7FFF0000
    program = [_Instruction(load, 0, 0, 0)]
    for index, number in enumerate(CALLS.values()):
        program += [_Instruction(jump_if_equal, 0, 1, number), _Instruction(answer, 0, 0, trace | index)]
    program.append(_Instruction(answer, 0, 0, allow))
    made = _Program(len(program), (_Instruction * len(program))(*program))
    no_new_privileges, seccomp, with_filter = 38, 22, 2
    if _libc.prctl(no_new_privileges, 1, 0, 0, 0) or _libc.prctl(seccomp, with_filter, ctypes.byref(made), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


def seize(pid: int) -> None:
    """Traces a child of this process, and whatever it starts; all of them die with this process."""
    if _libc.ptrace(_SEIZE, pid, None, _FOLLOW | _AT_CALLS | _END_WITH_TRACER):
        raise OSError(ctypes.get_errno(), "the kernel lets nobody trace")


def watch(pid: int, *, kill_at: int | None) -> Traced:
    """Lets a seized process run to its end, or to its death at call number `kill_at`, counted from 1."""
    traced, alive = Traced(), {pid}
    while alive:
        stopped, status = os.waitpid(-1, _ANY_THREAD)
        if not os.WIFSTOPPED(status):
            alive.discard(stopped)
            if stopped == pid:
                traced.code = os.waitstatus_to_exitcode(status)
            continue
        alive.add(stopped)
        event = status >> 16
        if event == _EVENT_CALL:
            traced.calls.append(_NAMES[_message(stopped) & 0xFFFF])
            if len(traced.calls) == kill_at:
                _kill(alive)
                continue
        _go_on(stopped, 0 if event else os.WSTOPSIG(status))
    return traced


def _message(pid: int) -> int:
    message = ctypes.c_ulong()
    _libc.ptrace(_EVENT_MESSAGE, pid, None, ctypes.addressof(message))
    return message.value


def _go_on(pid: int, with_signal: int) -> None:
    _libc.ptrace(_CONT, pid, None, with_signal)  # one that was killed meanwhile is not there any more


def _kill(pids: set[int]) -> None:
    """Before the call is done: SIGKILL takes a stopped process where it stands."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
