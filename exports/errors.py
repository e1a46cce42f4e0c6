"""What can go wrong with a version, for whoever asked for it."""

from __future__ import annotations

from foundation.errors import Conflict


class NothingToWrite(Conflict):
    title = "The version would hold no row"


class RowsChanged(Conflict):
    title = "The rows are not those that were split"


class SplitLeaks(Conflict):
    title = "What belongs together was written on two sides"


class VersionExists(Conflict):
    title = "A version never changes, and this one exists"


class BuildRunning(Conflict):
    title = "Somebody else writes this version now"
