"""What the bodies of all requests may hold in memory together: beyond it a request is told to come back later.

Each request has a lease. It grows with what arrives, with what that unpacks to, and with what work on it may need. Large
bodies may take only a part, so that small ones, which phones send, get through while large ones are refused.
"""

from __future__ import annotations

import threading
from math import ceil

from foundation.errors import Unavailable

SMALL_BODY_BYTES = 64 << 10
"""What a body may hold while it arrives and still count as small; without a valid key none may hold more."""
WORKING_BYTES = 30_000_000
"""What work on one body may need beside it (`docs/reliability.md` says which tests keep it)."""
WORKING_FACTOR = 40
"""The shortest JSON becomes objects of at most so many times its length: `[[],[],…` 21 times, `{"":{"":…` 37 times."""
SMALL_WORK_BYTES = 4 << 20

ARRIVES_FIRST, ARRIVES_LARGE, ARRIVES_SMALL, WORKS_LARGE, WORKS_SMALL = 0.25, 0.5, 0.75, 0.75, 1.0
"""The part of the budget up to which a lease may grow: at the beginning of a large body and at its end, for a small one, and
for work on them. What arrives leaves room for work on what has arrived."""


def bytes_for_one_body(most_bytes: int) -> int:
    """The smallest budget with which a body of the largest size, packed or not, is taken while nobody else sends.

    >>> bytes_for_one_body(20_000_000)
    93333334
    """
    working = min(WORKING_BYTES, WORKING_FACTOR * most_bytes)
    return ceil(max(most_bytes / ARRIVES_LARGE, (2 * most_bytes + working) / WORKS_LARGE))


class Budget:
    """Bytes that all requests of a process share; used from any thread."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.held_bytes = 0
        self._lock = threading.Lock()

    def take(self, n_bytes: int, *, share: float) -> bool:
        """Takes so much if all that is held stays within this part of the budget."""
        with self._lock:
            if self.held_bytes + n_bytes > self.total_bytes * share:
                return False
            self.held_bytes += n_bytes
            return True

    def give_back(self, n_bytes: int) -> None:
        with self._lock:
            self.held_bytes -= n_bytes


class Lease:
    """What one request holds of a budget."""

    def __init__(self, budget: Budget) -> None:
        self.held_bytes = 0
        self._working_bytes = 0
        self._budget = budget

    def arrive(self, n_bytes: int, *, most_bytes: int) -> None:
        """So much more has come of a body that may have at most `most_bytes`.

        Who has more may go on when others cannot: of many large bodies at once some arrive, instead of none.

        Raises:
            Unavailable: the bodies of others leave no room for it.
        """
        arrived = self.held_bytes + n_bytes
        large = ARRIVES_FIRST + (ARRIVES_LARGE - ARRIVES_FIRST) * arrived / most_bytes
        self._grow(n_bytes, ARRIVES_SMALL if arrived <= SMALL_BODY_BYTES else large)

    def unpack(self, n_bytes: int) -> None:
        """So much more came out of the packed body.

        Raises:
            Unavailable: as above.
        """
        self._grow(n_bytes, WORKS_SMALL if self.held_bytes + n_bytes <= SMALL_WORK_BYTES else WORKS_LARGE)

    def work_on(self, body_bytes: int) -> None:
        """A body of this size is about to become objects; said again when it has become larger, only the rest is taken.

        Raises:
            Unavailable: as above.
        """
        needed = min(WORKING_BYTES, WORKING_FACTOR * body_bytes)
        if needed > self._working_bytes:
            self.unpack(needed - self._working_bytes)
            self._working_bytes = needed

    def end(self) -> None:
        """Gives back all; may be called twice."""
        self._budget.give_back(self.held_bytes)
        self.held_bytes = self._working_bytes = 0

    def _grow(self, n_bytes: int, share: float) -> None:
        if not self._budget.take(n_bytes, share=share):
            raise Unavailable("too much is being received at the moment: send the same again, in smaller batches")
        self.held_bytes += n_bytes
