"""Throttling: tries are counted before anybody looks at them, in rows that every process of the service shares."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain import fingerprint
from auth.errors import TooManyTries
from auth.tries import Counter, Limits, Streak, Tally
from common.db import fetch

# One order for everybody who locks several rows. The clock is read once they are locked: it is the one all share.
_HOLD = """
INSERT INTO tries AS t (kind, key, level, free_at, seen_at)
SELECT kind, key, 0, clock_timestamp(), clock_timestamp() FROM unnest($1::text[], $2::bytea[]) AS w (kind, key)
ORDER BY kind, key
ON CONFLICT (kind, key) DO UPDATE SET kind = t.kind
RETURNING t.kind, t.key, t.level, t.free_at, t.seen_at, clock_timestamp() AS moment
"""
_WRITE = """
UPDATE tries SET level = w.level, free_at = w.free_at, seen_at = w.seen_at
FROM unnest($1::text[], $2::bytea[], $3::float8[], $4::timestamptz[], $5::timestamptz[])
    AS w (kind, key, level, free_at, seen_at)
WHERE tries.kind = w.kind AND tries.key = w.key
"""
_KNOWN = """
SELECT FROM known_addresses WHERE account = $1 AND address = $2 AND logged_in_at > clock_timestamp() - $3::interval
"""
_REMEMBER = """
INSERT INTO known_addresses (account, address, logged_in_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (account, address) DO UPDATE SET logged_in_at = clock_timestamp()
"""
_FORGET = (
    """DELETE FROM tries WHERE (kind, key) IN (
        SELECT kind, key FROM tries WHERE greatest(seen_at, free_at) < clock_timestamp() - $1::interval
        LIMIT 1000 FOR UPDATE SKIP LOCKED
    ) RETURNING 1""",
    """DELETE FROM known_addresses WHERE (account, address) IN (
        SELECT account, address FROM known_addresses WHERE logged_in_at < clock_timestamp() - $1::interval
        LIMIT 1000 FOR UPDATE SKIP LOCKED
    ) RETURNING 1""",
)


@dataclass(frozen=True, slots=True)
class Try:
    """A login that was let in: on which account, from where, and what counts it."""

    account: str
    address: str
    counters: Sequence[Counter]


async def admit_login(session: AsyncSession, limits: Limits, account: str, address: str) -> Try:
    """Count a login before its password is looked at. Raises TooManyTries, and counts nothing then."""
    known = await fetch(session, _KNOWN, *_place(account, address), limits.known_for)
    counters = limits.of_known(account, address) if known else limits.of_login(account, address)
    await count(session, counters)
    return Try(account, address, counters)


async def count(session: AsyncSession, counters: Sequence[Counter]) -> None:
    """Count a try. Raises TooManyTries, and counts nothing then."""
    held, moment = await _hold(session, counters)
    wait = max((tally.free_at - moment).total_seconds() for _, tally in held)
    if wait > 0:
        raise TooManyTries().after(wait)
    await _write(session, [(counter, counter.rule.count(tally, moment)) for counter, tally in held])


async def welcome(session: AsyncSession, admitted: Try, limits: Limits) -> None:
    """Note that a login was good: the failures before it count no more, and its address is known from now on."""
    await fetch(session, _REMEMBER, *_place(admitted.account, admitted.address))
    others = [one for one in limits.of_login(admitted.account, admitted.address) if isinstance(one.rule, Streak)]
    held, moment = await _hold(session, [*admitted.counters, *others])
    await _write(session, [(counter, counter.rule.succeed(tally, moment)) for counter, tally in held])


async def undo(session: AsyncSession, admitted: Try) -> None:
    """Take a try back that nobody looked at."""
    held, moment = await _hold(session, admitted.counters)
    await _write(session, [(counter, counter.rule.undo(tally, moment)) for counter, tally in held])


async def forget_old_tries(session: AsyncSession, limits: Limits) -> int:
    """Drop what counts no more, and addresses where nobody has logged in for long; return how many."""
    ages = (max(limits.in_a_row.locked, timedelta(hours=1)), limits.known_for)
    return sum([len(await fetch(session, forget, age)) for forget, age in zip(_FORGET, ages, strict=True)])


async def _hold(session: AsyncSession, counters: Sequence[Counter]) -> tuple[list[tuple[Counter, Tally]], datetime]:
    """Return how each counter stands, and now, with nobody else at them until this transaction ends."""
    named = {(counter.kind, counter.key): counter for counter in counters}
    rows = await fetch(session, _HOLD, *map(list, zip(*named, strict=True)))
    tallies = [(row, Tally(row["level"], row["free_at"], row["seen_at"])) for row in rows]
    return [(named[row["kind"], row["key"]], tally) for row, tally in tallies], rows[-1]["moment"]


async def _write(session: AsyncSession, counted: Sequence[tuple[Counter, Tally]]) -> None:
    rows = [(counter.kind, counter.key, *astuple(tally)) for counter, tally in counted]
    await fetch(session, _WRITE, *map(list, zip(*rows, strict=True)))


def _place(account: str, address: str) -> tuple[bytes, bytes]:
    return fingerprint(account), fingerprint(f"{account} {address}")
