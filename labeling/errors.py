"""What can go wrong between us and Label Studio, and what to do then."""

from __future__ import annotations

from foundation.errors import Conflict, Unavailable


class StudioMissing(Conflict):
    title = "No Label Studio is configured"


class StudioRefused(Conflict):
    title = "Label Studio does not do what it was asked"


class StudioGone(StudioRefused):
    title = "What was there in Label Studio is gone"


class MassDeletion(Conflict):
    title = "Too much vanished from Label Studio at once"


class NothingToLabel(Conflict):
    title = "The project has no labeling configuration"


class JobFailed(Conflict):
    title = "A job did not end well"


class StudioUnavailable(Unavailable):
    title = "Label Studio does not answer right now"


class StudioUnreadable(StudioUnavailable):
    """An answer that cannot be used: too large, cut, not JSON, or a failure of the server over this very content."""

    title = "Label Studio's answer cannot be read"
