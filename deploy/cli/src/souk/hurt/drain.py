"""After the healing: wait until nothing moves any more by itself."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from common.db import plain_dsn
from souk.hurt.dial import Dial

WITHIN: Final = 60.0
_QUIET_LOOKS: Final = 3
_OUTBOX: Final = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
_INBOX: Final = "SELECT count(*) FROM inbox WHERE status = 'waiting'"
_UNHEARD_CAPTURES: Final = """
SELECT count(*) FROM unnest($1::text[]) AS t (ref) WHERE NOT EXISTS (
    SELECT FROM captures c WHERE c.provider = $2 AND c.capture_ref = t.ref)
"""
_UNHEARD_REFUNDS: Final = """
SELECT count(*) FROM unnest($1::text[]) AS t (ref) WHERE NOT EXISTS (
    SELECT FROM refunds r WHERE r.provider = $2 AND r.provider_ref = t.ref)
"""
# What time, a loop or another service still moves.
_MOVING: Final[Mapping[str, Mapping[str, str]]] = {
    "auth": {"unsent": _OUTBOX},
    "catalog": {"unsent": _OUTBOX, "waiting": _INBOX},
    "orders": {
        "unsent": _OUTBOX,
        "waiting": _INBOX,
        "open": "SELECT count(*) FROM orders WHERE status IN ('pending', 'awaiting_payment', 'closing')",
        "to refund": "SELECT count(*) FROM orders WHERE refund_id IS NOT NULL AND refunded < total",
        "to deliver": """
            SELECT count(*) FROM orders o WHERE status = 'paid'
            AND NOT EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id AND l.kind <> 'digital')
        """,
    },
    "payments": {
        "unsent": _OUTBOX,
        "waiting": _INBOX,
        "open": "SELECT count(*) FROM payments WHERE status IN ('intended','unknown','open','processing','authorized')",
        "refunds": "SELECT count(*) FROM refunds WHERE status IN ('intended', 'unknown', 'pending')",
        "facts": "SELECT count(*) FROM provider_events WHERE status = 'stored'",
    },
    "notifier": {
        "unsent": _OUTBOX,
        "waiting": _INBOX,
        "mails": """
            SELECT count(*) FROM notifications WHERE status IN ('queued', 'sending')
            OR (status = 'unknown' AND NOT resent_after_unknown)
        """,
    },
}


async def drain(databases: Mapping[str, str], dial: Dial, seconds: float = WITHIN) -> list[str]:
    """Wait until all is quiet; return what still moves when the time is over."""
    end, quiet = time.monotonic() + seconds, 0
    while True:
        moving = await _moving(databases, dial)
        quiet = 0 if moving else quiet + 1
        if quiet == _QUIET_LOOKS:
            return []
        if time.monotonic() > end:
            return moving
        await asyncio.sleep(0.3)


async def _moving(databases: Mapping[str, str], dial: Dial) -> list[str]:
    found = await asyncio.gather(*(_counts(service, databases[service]) for service in _MOVING))
    hooks = await dial.undelivered()
    moving = [*(word for words in found for word in words), *([f"{hooks} webhooks"] if hooks else [])]
    return moving or await _unheard_of(databases["payments"], dial)


async def _unheard_of(url: str, dial: Dial) -> list[str]:
    """Count the money that the providers took or gave back and that payments is still to hear of."""
    connection: Any = await asyncpg.connect(plain_dsn(url), timeout=10)
    words = []
    try:
        for told in await dial.truth():
            for sql, refs in (
                (_UNHEARD_CAPTURES, [taken.ref for taken in told.taken]),
                (_UNHEARD_REFUNDS, [returned.id for returned in told.returned]),
            ):
                if count := await connection.fetchval(sql, refs, told.provider):
                    words.append(f"payments: {count} captures or refunds by {told.provider} not heard of")
    finally:
        await connection.close()
    return words


async def _counts(service: str, url: str) -> Sequence[str]:
    connection: Any = await asyncpg.connect(plain_dsn(url), timeout=10)
    try:
        counts = {name: await connection.fetchval(sql) for name, sql in _MOVING[service].items()}
    finally:
        await connection.close()
    return [f"{service}: {count} {name}" for name, count in counts.items() if count]
