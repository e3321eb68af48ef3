"""Work in hand: no lease outlived, nothing long due or forgotten, no transaction left open."""

from typing import Final

from souk.doctor.books import APPLICATION
from souk.doctor.checks import Check, Visit, check
from souk.home import SERVICES

# What is worked by a loop, and which of its rows still need one.
_LEASED: Final = {
    "payments": {
        "payments": """(waits_for IS NULL AND status IN ('intended', 'unknown', 'open', 'processing', 'authorized'))
            OR (status = 'superseded' AND polls = 0)""",
        "refunds": "status IN ('intended', 'unknown', 'pending')",
        "provider_events": "status = 'stored'",
    },
    "catalog": {
        "assets": "status IN ('issued', 'checking', 'orphaned')",
        "registrations": "true",
    },
    "notifier": {"notifications": "status IN ('queued', 'sending')"},
}
_STALE: Final = "SELECT id, leased_until AS at FROM {table} WHERE leased_until < now()"
_OVERDUE: Final = "SELECT id, due_at AS at FROM {table} WHERE due_at < now() AND leased_until IS NULL"
_FORGOTTEN: Final = "SELECT id FROM {table} WHERE due_at IS NULL AND ({alive})"
_LATE_ORDERS: Final = "SELECT id, due_at AS at FROM orders WHERE due_at < now()"
_ENDLESS_ORDERS: Final = """
SELECT id FROM orders WHERE due_at IS NULL AND status IN ('pending', 'awaiting_payment', 'closing')
"""
_LATE_RETRIES: Final = "SELECT id, next_at AS at FROM inbox WHERE status = 'waiting' AND next_at < now()"
_IDLE: Final = """
SELECT pid || ' ' || application_name AS id FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> $1 AND state LIKE 'idle in transaction%'
    AND clock_timestamp() - state_change > interval '5 seconds'
"""


def _leases(service: str) -> Check:
    @check(f"I17 {service}: no stale lease", service)
    async def no_lease_is_stale(visit: Visit) -> None:
        """Whoever took work finishes it or lets it go, and everything unfinished comes up again."""
        for table, alive in _LEASED[service].items():
            await visit.saw(service, table)
            await visit.accuse(
                service, _STALE.format(table=table), f"{table}: its lease is over, and nobody took it on."
            )
            await visit.accuse(service, _OVERDUE.format(table=table), f"{table}: it is long due, and no loop works it.")
            forgotten = _FORGOTTEN.format(table=table, alive=alive)
            await visit.accuse(service, forgotten, f"{table}: it is unfinished, and will never be due.")

    return no_lease_is_stale


@check("I17 orders: no stale order", "orders")
async def no_order_is_forgotten(visit: Visit) -> None:
    """Every open order ends when its time is up."""
    await visit.saw("orders", "orders")
    await visit.accuse("orders", _LATE_ORDERS, "The order's time is up, and nothing ended it: does orders' worker run?")
    await visit.accuse("orders", _ENDLESS_ORDERS, "The order is open, and will never expire.")


def _sessions(service: str) -> Check:
    @check(f"I26 {service}: nothing left open", service)
    async def nothing_is_left_open(visit: Visit) -> None:
        """No transaction waits for the outside world, and what is to be tried again is tried."""
        visit.rows += len(
            await visit.books[service].rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database()")
        )
        await visit.accuse(
            service, _IDLE, "This session has left a transaction open for more than 5 seconds.", APPLICATION
        )
        await visit.accuse(service, _LATE_RETRIES, "This event was to be tried again: do the service's retries run?")

    return nothing_is_left_open


CHECKS: Final = (
    *(_leases(service) for service in _LEASED),
    no_order_is_forgotten,
    *(_sessions(service) for service in SERVICES),
)
