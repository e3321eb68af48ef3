"""Payments' book against the providers' own: every charge, refund and acknowledged webhook is known on both sides."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from souk.doctor.checks import Visit, check
from souk.doctor.truth import Told

_CHARGES: Final = """
SELECT c.id, c.at FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
    AS c (id, ref, amount, currency, at)
LEFT JOIN captures k ON k.provider = $6 AND k.capture_ref = c.ref
"""
_UNKNOWN: Final = f"{_CHARGES} WHERE k.id IS NULL"
_NOT_BOOKED: Final = f"""{_CHARGES} WHERE k.id IS NOT NULL AND CASE
    WHEN k.status = 'mismatched' THEN false ELSE (k.amount, k.currency) <> (c.amount, c.currency) END"""
_CAPTURED: Final = """
SELECT k.payment_id AS id, k.capture_ref AS ref, (SELECT max(t.at) FROM payment_transitions t
    WHERE t.payment_id = k.payment_id AND (t.fact_key = 'captured' OR t.fact_key LIKE 'surplus:%'
        OR t.went_to = 'mismatched')) AS at
FROM captures k WHERE k.provider = $1
"""
_REFUNDS: Final = """
SELECT t.id, t.at FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
    $7::timestamptz[]) AS t (id, ours, ref, status, amount, currency, at)
LEFT JOIN refunds r ON r.provider = $8 AND r.provider_ref = t.id
"""
# What somebody gave back in the provider's dashboard names none of ours, and is known all the same.
_UNASKED: Final = f"""{_REFUNDS} LEFT JOIN refunds asked ON asked.id::text = t.ours AND asked.provider = $8
    WHERE r.id IS NULL AND asked.id IS NULL"""
_OTHERWISE: Final = f"""{_REFUNDS} WHERE r.id IS NOT NULL AND (
    (r.amount, r.currency) <> (t.amount, t.currency)
    OR (r.status = 'succeeded') <> (t.status = 'succeeded')
    OR (r.status = 'failed') <> (t.status = 'failed'))"""
_OF_ANOTHER: Final = f"{_REFUNDS} WHERE r.capture_ref <> t.ref"
_GIVEN_BACK: Final = """
SELECT r.id, r.provider_ref AS ref, (SELECT max(t.at) FROM refund_transitions t WHERE t.refund_id = r.id) AS at
FROM refunds r WHERE r.provider_ref IS NOT NULL AND r.provider = $1
"""
_HOOKS: Final = """
SELECT w.id FROM unnest($1::text[], $2::text[]) AS w (id, sha256)
LEFT JOIN provider_events e ON e.provider = $3 AND e.event_ref = w.id
"""
_NOT_STORED: Final = f"{_HOOKS} WHERE e.id IS NULL"
_ALTERED: Final = f"{_HOOKS} WHERE e.origin = 'webhook' AND e.sha256 <> w.sha256"


def _all_told(visit: Visit) -> tuple[Told, ...]:
    assert visit.truth is not None
    return visit.truth.providers


def _columns(rows: Sequence[object], *names: str) -> list[object]:
    return [[getattr(row, name) for row in rows] for name in names]


@check("I5 every charge is known", "payments", truth=True)
async def every_charge_is_known(visit: Visit) -> None:
    """What a provider took is in the books, and what the books say was taken the provider took."""
    for told in _all_told(visit):
        visit.rows += len(told.taken)
        args = (*_columns(told.taken, "id", "ref", "amount", "currency", "at"), told.provider)
        await visit.accuse("payments", _UNKNOWN, "The provider took this charge, and no capture knows it.", *args)
        await visit.accuse("payments", _NOT_BOOKED, "The provider took this charge, and it is booked otherwise.", *args)
        visit.suspect("payments", _second(told), "The provider took this charge beside the one its capture knows.")
        refs = {taken.ref for taken in told.taken}
        await _ghosts(visit, told, _CAPTURED, refs, "A capture is booked of this payment, and the provider took none.")


@check("I7 every refund is known", "payments", truth=True)
async def every_refund_is_known(visit: Visit) -> None:
    """What a provider gave back is known, once each, and the books say what came of it."""
    for told in _all_told(visit):
        visit.rows += len(told.returned)
        args = (
            *_columns(told.returned, "id", "ours", "ref", "status", "amount", "currency", "at"),
            told.provider,
        )
        await visit.accuse("payments", _UNASKED, "The provider gave this back, and no refund of ours knows it.", *args)
        await visit.accuse("payments", _OTHERWISE, "The provider's refund has another amount or outcome.", *args)
        await visit.accuse("payments", _OF_ANOTHER, "The provider gave this back of another capture.", *args)
        visit.suspect("payments", _repeated(told), "The provider gave this refund of ours back more than once.")
        refs = {returned.id for returned in told.returned}
        await _ghosts(visit, told, _GIVEN_BACK, refs, "This refund names one of the provider's, which has none such.")


async def _ghosts(visit: Visit, told: Told, booked: str, known: set[str], detail: str) -> None:
    """Name what is booked here and not there."""
    async for piece in visit.books["payments"].pieces(booked, told.provider):
        visit.rows += len(piece)
        visit.suspect("payments", [row for row in piece if row["ref"] not in known], detail)


def _second(told: Told) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for taken in told.taken:
        if taken.ref in seen:
            yield {"id": taken.id, "at": taken.at}
        seen.add(taken.ref)


def _repeated(told: Told) -> Iterator[Mapping[str, Any]]:
    live = (returned.ours for returned in told.returned if returned.status != "failed")
    return ({"id": ours} for ours, copies in Counter(live).items() if ours and copies > 1)


@check("I22 no ack without storage", "payments", truth=True)
async def acknowledged_webhooks_are_stored(visit: Visit) -> None:
    """Every webhook that was answered with 2xx is stored, byte for byte."""
    for told in _all_told(visit):
        visit.rows += len(told.acknowledged)
        args = (list(told.acknowledged), list(told.acknowledged.values()), told.provider)
        await visit.accuse("payments", _NOT_STORED, "This webhook was acknowledged, and it is not stored.", *args)
        await visit.accuse("payments", _ALTERED, "This webhook is stored with other bytes than were sent.", *args)


CHECKS: Final = (every_charge_is_known, every_refund_is_known, acknowledged_webhooks_are_stored)
