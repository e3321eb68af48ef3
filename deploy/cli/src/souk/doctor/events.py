"""Events between the books: what was to be told is told, without a gap, and every listener has it, once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from common.contracts import PRODUCERS, facts
from souk.doctor.checks import Check, Visit, check
from souk.topology import hearers

_UNSENT: Final = "SELECT id, id AS at FROM outbox WHERE sent_at IS NULL AND error IS NULL"
_UNROUTABLE: Final = "SELECT id, id AS at FROM outbox WHERE sent_at IS NULL AND error IS NOT NULL"
_UNNUMBERED: Final = "SELECT id FROM outbox WHERE sent_at IS NOT NULL AND sequence IS NULL"
_DOUBLE: Final = """
SELECT unnest(array_agg(id)) AS id FROM outbox WHERE sequence IS NOT NULL GROUP BY shard, sequence HAVING count(*) > 1
"""
_GAPS: Final = """
SELECT 'shard ' || shard || ', after ' || before || ' before ' || sequence AS id FROM (
    SELECT shard, sequence, lag(sequence, 1, 0::bigint) OVER (PARTITION BY shard ORDER BY sequence) AS before
    FROM outbox WHERE sequence IS NOT NULL
) s WHERE sequence > before + 1
"""
_COUNTER: Final = """
SELECT s.source || ' counts ' || s.last || ', last given ' || coalesce(o.last, 0) AS id
FROM outbox_sequence s LEFT JOIN (
    SELECT shard, max(sequence) AS last FROM outbox GROUP BY shard
) o ON s.source = '/' || $1 || CASE WHEN o.shard = 0 THEN '' ELSE '/' || o.shard END
WHERE s.last <> coalesce(o.last, 0)
"""
_TWICE: Final = "SELECT id FROM inbox GROUP BY id HAVING count(*) > 1"
_WAITING: Final = "SELECT id, received_at AS at FROM inbox WHERE status = 'waiting'"
_PARKED: Final = "SELECT id FROM inbox WHERE status = 'parked'"
_TOLD: Final = "SELECT id, type, sent_at FROM outbox WHERE type = ANY($1::text[]) AND sent_at IS NOT NULL ORDER BY id"
_NOT_HEARD: Final = """
SELECT o.id, o.at FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS o (id, type, at)
LEFT JOIN inbox i ON i.id = o.id AND i.type = o.type AND i.id BETWEEN $4 AND $5 WHERE i.id IS NULL
"""
_HEARD: Final = """
SELECT id, received_at FROM inbox WHERE source = '/' || $1 OR source LIKE '/' || $1 || '/%' ORDER BY id
"""
_NOT_TOLD: Final = """
SELECT i.id, i.at FROM unnest($1::uuid[], $2::timestamptz[]) AS i (id, at)
LEFT JOIN outbox o ON o.id = i.id AND o.id BETWEEN $3 AND $4 WHERE o.id IS NULL
"""


def _columns(piece: Sequence[Mapping[str, Any]]) -> list[object]:
    """Return a piece's columns, then its lowest and highest id: what is between them can be looked up in one go."""
    columns: list[object] = [list(column) for column in zip(*(row.values() for row in piece), strict=True)]
    return [*columns, piece[0]["id"], piece[-1]["id"]]


def _outbox(service: str) -> Check:
    @check(f"I11 {service}: the outbox drains", service)
    async def outbox_drains(visit: Visit) -> None:
        """Everything is sent, and numbered 1 to n without a gap."""
        await visit.saw(service, "outbox")
        await visit.accuse(service, _UNSENT, "This event is not sent: no relay runs, or the broker does not take it.")
        await visit.accuse(service, _UNROUTABLE, "Nobody listens to this event: run `souk topology apply`.")
        await visit.accuse(service, _UNNUMBERED, "This event was sent without a number.")
        await visit.accuse(service, _DOUBLE, "This event has the number of another one.")
        await visit.accuse(service, _GAPS, "Numbers are missing: events were lost after they had been numbered.")
        await visit.accuse(service, _COUNTER, "The counter is not where the numbers are.", service)

    return outbox_drains


def _inbox(service: str) -> Check:
    @check(f"I12 {service}: each event once", service)
    async def inbox_is_worked_once(visit: Visit) -> None:
        """No event is stored twice, and none waits or is parked."""
        await visit.saw(service, "inbox")
        await visit.accuse(service, _TWICE, "This event is stored twice, so it had its effect twice.")
        await visit.accuse(service, _WAITING, "This event waits: its effect is missing. Its error is in `inbox`.")
        await visit.accuse(service, _PARKED, "Open item: this event is parked. See `souk parked show`, then retry it.")

    return inbox_is_worked_once


def _line(producer: str, hearer: str, types: Iterable[str]) -> Check:
    heard = sorted(types)

    @check(f"I13 {producer} to {hearer}: nothing dropped", producer, hearer)
    async def nothing_is_dropped(visit: Visit) -> None:
        """Every event sent is in its listener's inbox, and nothing is there that was never told."""
        told, listener = visit.books[producer], visit.books[hearer]
        async for piece in told.pieces(_TOLD, heard):
            visit.rows += len(piece)
            lost = await listener.rows(_NOT_HEARD, *_columns(piece))
            visit.suspect(producer, lost, f"{hearer} listens to this event, it was sent, and it is not there.")
        async for piece in listener.pieces(_HEARD, producer):
            visit.rows += len(piece)
            made_up = await told.rows(_NOT_TOLD, *_columns(piece))
            visit.suspect(hearer, made_up, f"This event came from {producer}, whose book does not know it.")

    return nothing_is_dropped


def _lines() -> Iterator[Check]:
    for hearer in hearers():
        for producer in PRODUCERS:
            types = {fact.wire for fact in facts(producer)}
            if heard := types if "#" in hearer.types else types & hearer.types:
                yield _line(producer, hearer.service, heard)


CHECKS: Final = (
    *(_outbox(service) for service in PRODUCERS),
    *(_inbox(hearer.service) for hearer in hearers()),
    *_lines(),
)
