"""Payments' book against the provider's own: every charge, refund and acknowledged webhook is known on both sides."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from souk.doctor.checks import Visit, check
from souk.doctor.truth import Truth

_CHARGES: Final = """
SELECT c.id, c.at FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
    AS c (id, ref, amount, currency, at)
LEFT JOIN captures k ON k.provider = $6 AND k.capture_ref = c.ref
"""
_UNKNOWN: Final = f"{_CHARGES} WHERE k.id IS NULL"
_NOT_BOOKED: Final = f"""{_CHARGES} WHERE k.id IS NOT NULL AND CASE
    WHEN k.status = 'mismatched' THEN false ELSE (k.amount, k.currency) <> (c.amount, c.currency) END"""
_NOT_GIVEN_BACK: Final = f"""{_CHARGES} WHERE k.status IN ('surplus', 'mismatched') AND NOT EXISTS (
    SELECT FROM refunds r WHERE r.provider = k.provider AND r.capture_ref = k.capture_ref AND r.status <> 'failed')"""
_CAPTURED: Final = """
SELECT k.payment_id AS id, k.capture_ref, (SELECT max(t.at) FROM payment_transitions t
    WHERE t.payment_id = k.payment_id AND t.went_to IN ('succeeded', 'mismatched')) AS at
FROM captures k WHERE k.status <> 'mismatched' AND k.provider = $1
"""
_REFUNDS: Final = """
SELECT t.id, t.at FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
    AS t (id, ours, status, amount, currency, at)
LEFT JOIN refunds r ON r.provider = $7 AND r.provider_ref = t.id
"""
# What somebody gave back in the provider's dashboard names none of ours, and is known all the same.
_UNASKED: Final = f"""{_REFUNDS} LEFT JOIN refunds asked ON asked.id::text = t.ours
    WHERE r.id IS NULL AND asked.id IS NULL"""
_OTHERWISE: Final = f"""{_REFUNDS} WHERE r.id IS NOT NULL AND (
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
    await visit.accuse("payments", _UNKNOWN, "The provider took this charge, and no capture of ours knows it.", *args)
    await visit.accuse("payments", _NOT_BOOKED, "The provider took this charge, and it is booked otherwise.", *args)
    await visit.accuse(
        "payments", _NOT_GIVEN_BACK, "The order does not keep this charge, and nothing gives it back.", *args
    )
    visit.suspect("payments", _second(truth), "The provider took this charge beside the one its capture knows.")
    refs = {taken.ref for taken in truth.taken}
    async for piece in visit.books["payments"].pieces(_CAPTURED, truth.provider):
        visit.rows += len(piece)
        ghosts = [row for row in piece if row["capture_ref"] not in refs]
        visit.suspect("payments", ghosts, "This payment is booked as captured, and the provider took nothing for it.")


@check("I7 every refund is known", "payments", truth=True)
async def every_refund_is_known(visit: Visit) -> None:
    """What the provider gave back is known, once each, and the books say what came of it."""
    truth = _known(visit)
    visit.rows += len(truth.returned)
    names = ("id", "ours", "status", "amount", "currency", "at")
    columns = [[getattr(returned, name) for returned in truth.returned] for name in names]
    args = (*columns, truth.provider)
    await visit.accuse("payments", _UNASKED, "The provider gave this back, and no refund of ours knows it.", *args)
    await visit.accuse("payments", _OTHERWISE, "The provider's refund has another amount or outcome than ours.", *args)
    visit.suspect("payments", _repeated(truth), "The provider gave this refund of ours back more than once.")
    refs = {returned.id for returned in truth.returned if returned.status == "succeeded"}
    async for piece in visit.books["payments"].pieces(_GIVEN_BACK, truth.provider):
        visit.rows += len(piece)
        ghosts = [row for row in piece if row["provider_ref"] not in refs]
        visit.suspect("payments", ghosts, "This refund is booked as succeeded, and the provider gave nothing back.")


def _second(truth: Truth) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for taken in truth.taken:
        if taken.ref in seen:
            yield {"id": taken.id, "at": taken.at}
        seen.add(taken.ref)


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
