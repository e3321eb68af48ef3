"""Looking at the books every now and then: what waits, and whether the providers still tell us anything."""

from typing import Final

from common.db import fetch
from payments.loops.world import World
from payments.meters import Meters

EVERY: Final = 15.0  # seconds
# A payment is settled by asking where no webhook of its provider came within these minutes before; one that comes
# within a minute after was only slow. What is an hour old says nothing of today.
_WAITING: Final = """
SELECT provider, count(*) AS waiting, extract(epoch FROM now() - min(created_at)) AS oldest FROM payments
WHERE status IN ('open', 'processing', 'authorized') AND waits_for IS NULL GROUP BY provider
"""
_HEARD: Final = """
SELECT name, extract(epoch FROM now() - heard) AS seconds, EXISTS (
    SELECT FROM payment_transitions t JOIN payments p ON p.id = t.payment_id
    WHERE p.provider = name AND t.at > coalesce(heard, '-infinity') + interval '10 minutes'
        AND t.at BETWEEN now() - interval '1 hour' AND now() - interval '1 minute'
        AND t.fact_key ~ '^(captured|surplus:|declined:)'
        AND t.id > (lpad(to_hex((extract(epoch FROM now() - interval '2 hours') * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid
) AS deaf
FROM unnest($1::text[]) name, LATERAL (
    SELECT max(received_at) AS heard FROM provider_events WHERE provider = name AND origin = 'webhook') e
"""


async def measure(world: World, meters: Meters) -> int:
    """Set the gauges to what the database says; there is never more to do."""
    names = sorted(world.providers)
    async with world.database.reading() as session:
        waiting = {row["provider"]: row for row in await fetch(session, _WAITING)}
        heard = await fetch(session, _HEARD, sorted({*names, *waiting}))
    for name in {*names, *waiting}:
        row = waiting.get(name)
        meters.waiting.labels(name).set(row["waiting"] if row else 0)
        meters.oldest.labels(name).set(row["oldest"] if row else 0)
    for row in heard:
        meters.deaf.labels(row["name"]).set(row["deaf"])
        if row["seconds"] is not None:
            meters.heard.labels(row["name"]).set(row["seconds"])
    return 0
