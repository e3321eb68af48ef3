"""How patient an inbox is."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class InboxPolicy:
    """Time limits and back-off, in seconds; `pace` divides every wait (tests run up to 60 times faster)."""

    handler_limit: float = 10
    first_wait: float = 1
    longest_wait: float = 600
    attempts: int = 10
    not_yet_patience: float = 3 * 86400
    not_yet_longest_wait: float = 30
    poll: float = 5
    pace: float = 1

    def wait(self, attempts: int) -> timedelta:
        """Return how long to wait after so many attempts: exponential with jitter."""
        seconds = min(self.longest_wait, self.first_wait * 2 ** min(attempts - 1, 20))
        return timedelta(seconds=seconds * random.uniform(0.75, 1.25) / self.pace)  # noqa: S311 - jitter

    def wait_for_prerequisite(self, age: timedelta) -> timedelta:
        """Return how long a fact that came too early waits at most; its neighbours wake it before."""
        return timedelta(seconds=min(max(age.total_seconds() * self.pace, 1), self.not_yet_longest_wait) / self.pace)

    def lease(self) -> timedelta:
        """Return after how long an attempt that told nothing is taken for dead."""
        return timedelta(seconds=self.handler_limit * 1.5 + 2)
