"""`python -m examples.slang`: the whole loop on real input, from nothing to a verified version. Exit code 0 if all held."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import httpx

from examples.phone import KeyWasRetired, NotTaken, TryLater
from examples.slang.archive import UnsafeArchive
from examples.slang.manager import JobFailed, Refused
from examples.slang.raters import NoSuchProject
from examples.slang.run import play
from examples.slang.screen import Screen
from examples.slang.system import ROOT, CommandFailed, DidNotStart, running_system

INTERRUPTED = 130
EXPECTED = (
    DidNotStart,
    CommandFailed,
    Refused,
    JobFailed,
    UnsafeArchive,
    NoSuchProject,
    KeyWasRetired,
    NotTaken,
    TryLater,
    httpx.HTTPError,
)
HONESTY = (
    "Real: the words and their ratings (vaderSentiment, MIT licence; Hutto & Gilbert, ICWSM 2014). "
    "Simulated: the phones, their people and capture conditions, the personal data in notes, the annotators' accounts."
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.slang", description=__doc__)
    kept = os.environ.get("WINNOW_HOME", "var/demo")
    parser.add_argument("--home", type=Path, default=Path(kept), help=f"where everything is kept (default: {kept})")
    home = parser.parse_args().home.absolute()
    signal.signal(signal.SIGTERM, _as_interrupt)
    screen = Screen()
    screen.say(HONESTY)
    screen.say("starting Winnow and Label Studio; the first time this takes a minute or two")
    try:
        with running_system(home, screen.say) as system:
            findings = play(system, screen)
            screen.say("stopping everything")
    except KeyboardInterrupt:
        screen.say("interrupted; everything is stopped, and the next run goes on where this one was")
        return INTERRUPTED
    except EXPECTED as error:
        screen.say(f"the demo cannot go on: {error}")
        return 1
    screen.show(findings)
    screen.say(f"to look at what was made: WINNOW_HOME={_from_root(home)} .venv/bin/winnow up")
    screen.say(f"then log in to the pages with the key in {_from_root(home)}/secrets/admin_key, and to Label Studio as")
    screen.say(f"admin@winnow.local with the password in {_from_root(home)}/secrets/label_studio_password")
    return 1 if findings.failures else 0


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _from_root(home: Path) -> str:
    return f"./{home.relative_to(ROOT)}" if home.is_relative_to(ROOT) else str(home)


if __name__ == "__main__":
    sys.exit(main())
