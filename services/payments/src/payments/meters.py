"""What payments measures: what became of payments, how the providers answer, what waits, and who has fallen silent."""

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from common.db import Database, UnitOfWork
from common.events import Event
from payments.models import Payment, PaymentTransition

_OUTCOMES: Final = frozenset({"succeeded", "surplus", "failed", "cancelled", "mismatched"})
_WATCHED: Final[WeakKeyDictionary[Engine | Connection, "Meters"]] = WeakKeyDictionary()


class Meters:
    """One service's own metrics: they are in nobody's registry until the service is put together."""

    def __init__(self) -> None:
        self.outcomes = Counter(
            "souk_payment_outcomes",
            "What became of payments: succeeded, surplus, failed, cancelled, mismatched; declined is a try",
            ["provider", "flow", "outcome"],
            registry=None,
        )
        self.calls = Histogram(
            "souk_provider_call_seconds",
            "Calls of a provider's API: ok, refused, unknown, not_allowed",
            ["provider", "operation", "outcome"],
            registry=None,
        )
        self.waiting = self._gauge("souk_payments_waiting", "Payments that are open, processing or authorized")
        self.oldest = self._gauge("souk_payments_oldest_waiting_seconds", "Age of the oldest of them")
        self.heard = self._gauge("souk_provider_last_webhook_seconds", "Seconds since a genuine webhook came")
        self.deaf = self._gauge(
            "souk_payments_wait_without_webhooks", "1 while payments are settled by asking, for no webhook comes"
        )

    @property
    def collectors(self) -> Sequence[Collector]:
        """All of them, for the service's registry."""
        return (self.outcomes, self.calls, self.waiting, self.oldest, self.heard, self.deaf)

    def watch(self, database: Database) -> None:
        """Count what is committed in a database from now on."""
        _WATCHED[database.engine.sync_engine] = self

    @staticmethod
    def _gauge(name: str, text: str) -> Gauge:
        return Gauge(name, text, ["provider"], registry=None)


def count_after_commit(session: AsyncSession, payment: Payment, record: PaymentTransition, fact: Event) -> None:
    """Have an outcome counted once it is true: a declined try always, any other when the payment comes to it."""
    outcome = fact.wire.removeprefix("payment.")
    if outcome == "failed" and not getattr(fact, "final", True):
        outcome = "declined"
    elif outcome not in _OUTCOMES or (record.came_from == record.went_to and outcome != "surplus"):
        return
    session.info.setdefault("outcomes", []).append((payment.provider, payment.flow, outcome))


@event.listens_for(UnitOfWork, "after_commit")
def _count(session: Session) -> None:
    counted = None if session.in_nested_transaction() else session.info.pop("outcomes", None)
    if counted and (meters := _WATCHED.get(session.get_bind())):
        for labels in counted:
            meters.outcomes.labels(*labels).inc()
