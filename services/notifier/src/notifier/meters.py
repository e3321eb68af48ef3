"""What the notifier measures: mails that wait, and what came of each try to send one."""

from collections.abc import Sequence

from prometheus_client import Counter, Gauge
from prometheus_client.registry import Collector


class Meters:
    """The notifier's own metrics: they are in nobody's registry until the service is put together."""

    def __init__(self) -> None:
        self.waiting = Gauge("souk_mails_waiting", "Mails not yet handed over", registry=None)
        self.oldest = Gauge("souk_mails_oldest_waiting_seconds", "Age of the oldest of them", registry=None)
        self.outcomes = Counter(
            "souk_mail_outcomes",
            "Tries to hand a mail over: accepted, refused, deferred, away, ambiguous",
            ["verdict"],
            registry=None,
        )

    @property
    def collectors(self) -> Sequence[Collector]:
        """All of them, for the service's registry."""
        return (self.waiting, self.oldest, self.outcomes)
