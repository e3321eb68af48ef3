"""Payments' book against the provider's own: every charge, refund and acknowledged webhook is known on both sides."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from souk.doctor.checks import Visit, check
from souk.doctor.truth import Truth

_CHARGES: Final = """
SELECT c.id, c.at FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
    AS c (id, ref, amount, currency, at)
LEFT JOIN payments p ON p.provider = $6 AND p.provider_ref = c.ref
"""
_UNKNOWN: Final = f"{_CHARGES} WHERE p.id IS NULL"
_NOT_BOOKED: Final = f"""{_CHARGES} WHERE p.id IS NOT NULL AND CASE
    WHEN p.status = 'succeeded' THEN (p.amount, p.currency) <> (c.amount, c.currency)
    WHEN p.status = 'mismatched' THEN NOT EXISTS (
        SELECT FROM refunds r WHERE r.payment_id = p.id AND r.status <> 'failed')
    ELSE true END"""
_SECOND: Final = f"{_CHARGES} WHERE p.status = 'succeeded' AND p.capture_ref NOT IN (c.id, c.ref)"
_CAPTURED: Final = """
SELECT p.id, p.provider_ref,
    (SELECT max(t.at) FROM payment_transitions t WHERE t.payment_id = p.id AND t.went_to = 'succeeded') AS at
FROM payments p WHERE p.status = 'succeeded' AND p.provider = $1
"""
_REFUNDS: Final = """
SELECT t.id, t.at FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
    AS t (id, ours, status, amount, currency, at)
LEFT JOIN refunds r ON r.id::text = t.ours
"""
_UNASKED: Final = f"{_REFUNDS} WHERE r.id IS NULL"
_OTHERWISE: Final = f"""{_REFUNDS} WHERE r.id IS NOT NULL AND r.provider_ref = t.id AND (
    (r.amount, r.currency) <> (t.amount, t.currency)
    OR (r.status = 'succeeded') <> (t.status = 'succeeded')
    OR (r.status = 'failed') <> (t.status IN ('failed', 'canceled')))"""
_GIVEN_BACK: Final = """
SELECT r.id, r.provider_ref, (SELECT max(t.at) FROM refund_transitions t WHERE t.refund_id = r.id) AS at
FROM refunds r WHERE r.status = 'succeeded' AND r.provider = $1
"""
_HOOKS: Final = """
SELECT w.id FROM unnest($1::text[], $2::text[]) AS w (id, sha256)
LEFT JOIN provider_events e ON e.provider = $3 AND e.event_ref = w.id
"""
_NOT_STORED: Final = f"{_HOOKS} WHERE e.id IS NULL"
_ALTERED: Final = f"{_HOOKS} WHERE e.origin = 'webhook' AND e.sha256 <> w.sha256"


def _known(visit: Visit) -> Truth:
    assert visit.truth is not None
    return visit.truth


@check("I5 every charge is known", "payments", truth=True)
async def every_charge_is_known(visit: Visit) -> None:
    """What the provider took is in the books, and what the books say was taken the provider took."""
    truth = _known(visit)
    visit.rows += len(truth.taken)
    columns = [[getattr(taken, name) for taken in truth.taken] for name in ("id", "ref", "amount", "currency", "at")]
    args = (*columns, truth.provider)
    await visit.accuse("payments", _UNKNOWN, "The provider took this charge, and no payment of ours knows it.", *args)
    await visit.accuse(
        "payments",
        _NOT_BOOKED,
        "The provider took this charge, and its payment is not booked so, nor given back.",
        *args,
    )
    await visit.accuse("payments", _SECOND, "The provider took this charge beside the one its payment knows.", *args)
    refs = {taken.ref for taken in truth.taken}
    async for piece in visit.books["payments"].pieces(_CAPTURED, truth.provider):
        visit.rows += len(piece)
        ghosts = [row for row in piece if row["provider_ref"] not in refs]
        visit.suspect("payments", ghosts, "This payment is booked as captured, and the provider took nothing for it.")


@check("I7 every refund is known", "payments", truth=True)
async def every_refund_is_known(visit: Visit) -> None:
    """What the provider gave back was asked for, once each, and the books say what came of it."""
    truth = _known(visit)
    visit.rows += len(truth.returned)
    names = ("id", "ours", "status", "amount", "currency", "at")
    columns = [[getattr(returned, name) for returned in truth.returned] for name in names]
    await visit.accuse(
        "payments", _UNASKED, "The provider gave this back, and no refund of ours asked for it.", *columns
    )
    await visit.accuse(
        "payments", _OTHERWISE, "The provider's refund has another amount or outcome than ours.", *columns
    )
    visit.suspect("payments", _repeated(truth), "The provider gave this refund of ours back more than once.")
    refs = {returned.id for returned in truth.returned if returned.status == "succeeded"}
    async for piece in visit.books["payments"].pieces(_GIVEN_BACK, truth.provider):
        visit.rows += len(piece)
        ghosts = [row for row in piece if row["provider_ref"] not in refs]
        visit.suspect("payments", ghosts, "This refund is booked as succeeded, and the provider gave nothing back.")


def _repeated(truth: Truth) -> Iterator[Mapping[str, Any]]:
    live = (returned.ours for returned in truth.returned if returned.status not in {"failed", "canceled"})
    return ({"id": ours} for ours, copies in Counter(live).items() if ours and copies > 1)


@check("I22 no ack without storage", "payments", truth=True)
async def acknowledged_webhooks_are_stored(visit: Visit) -> None:
    """Every webhook that was answered with 2xx is stored, byte for byte."""
    truth = _known(visit)
    visit.rows += len(truth.acknowledged)
    args = (list(truth.acknowledged), list(truth.acknowledged.values()), truth.provider)
    await visit.accuse("payments", _NOT_STORED, "This webhook was acknowledged, and it is not stored.", *args)
    await visit.accuse("payments", _ALTERED, "This webhook is stored with other bytes than were sent.", *args)


CHECKS: Final = (every_charge_is_known, every_refund_is_known, acknowledged_webhooks_are_stored)
