"""Money as orders and payments believe it moved: captured once, for what was sold, and given back at most once."""

from typing import Final

from souk.doctor.checks import Visit, check

_FACT_TWICE: Final = """
SELECT payment_id AS id FROM payment_transitions GROUP BY payment_id, fact_key HAVING count(*) > 1
"""
_MOVE_TWICE: Final = """
SELECT payment_id AS id FROM payment_transitions
WHERE went_to IN ('succeeded', 'failed', 'cancelled', 'mismatched') AND went_to IS DISTINCT FROM came_from
GROUP BY payment_id, went_to HAVING count(*) > 1
"""
_REFUND_TWICE: Final = "SELECT refund_id AS id FROM refund_transitions GROUP BY refund_id, went_to HAVING count(*) > 1"
_EVENT_TWICE: Final = """
SELECT min(event_ref) AS id FROM provider_events GROUP BY provider, event_ref HAVING count(*) > 1
"""
_CAPTURE_TWICE: Final = """
SELECT unnest(array_agg(id)) AS id FROM payments WHERE capture_ref IS NOT NULL
GROUP BY provider, capture_ref HAVING count(*) > 1
"""
_ATTEMPT_TWICE: Final = "SELECT order_id AS id FROM payments GROUP BY order_id, attempt HAVING count(*) > 1"
_KEPT_TWICE: Final = """
SELECT p.order_id AS id, max((SELECT max(at) FROM payment_transitions t WHERE t.payment_id = p.id)) AS at
FROM captures c JOIN payments p ON p.id = c.payment_id WHERE c.amount > (
    SELECT coalesce(sum(r.amount), 0) FROM refunds r
    WHERE r.provider = c.provider AND r.capture_ref = c.capture_ref AND r.status <> 'failed'
) GROUP BY p.order_id HAVING count(*) > 1
"""
_ACCEPTED_TWICE: Final = """
SELECT order_id AS id FROM captures WHERE status = 'accepted' GROUP BY order_id HAVING count(*) > 1
"""
# A refund that the provider refused is an open item of its own.
_NOT_RETURNED: Final = """
SELECT c.id FROM captures c WHERE c.status <> 'accepted' AND c.amount <> (
    SELECT coalesce(sum(r.amount), 0) FROM refunds r
    WHERE r.provider = c.provider AND r.capture_ref = c.capture_ref AND r.currency = c.currency)
"""
_UNLIKE_ITS_PAYMENT: Final = """
SELECT c.id FROM captures c LEFT JOIN payments p ON p.id = c.payment_id
WHERE (p.order_id, p.provider) IS DISTINCT FROM (c.order_id, c.provider) OR CASE c.status
    WHEN 'accepted' THEN p.status <> 'succeeded' OR p.capture_ref IS DISTINCT FROM c.capture_ref
        OR (p.amount, p.currency) <> (c.amount, c.currency)
    WHEN 'mismatched' THEN p.status <> 'mismatched' ELSE false END
"""
_WITHOUT_MONEY: Final = """
SELECT p.id FROM payments p WHERE (p.status = 'succeeded' OR p.capture_ref IS NOT NULL) AND NOT EXISTS (
    SELECT FROM captures c WHERE c.payment_id = p.id AND c.capture_ref = p.capture_ref AND c.status <> 'mismatched')
"""
_NOT_TOLD: Final = """
SELECT c.id FROM captures c WHERE (
    SELECT count(*) FROM payment_transitions t WHERE t.payment_id = c.payment_id AND CASE c.status
        WHEN 'accepted' THEN t.fact_key = 'captured' AND t.event_type = 'payment.succeeded'
        WHEN 'surplus' THEN t.fact_key = 'surplus:' || c.capture_ref AND t.event_type = 'payment.surplus'
        ELSE t.fact_key = 'mismatched' AND t.event_type = 'payment.mismatched' END
) <> 1
"""
_MADE_UP: Final = """
SELECT t.payment_id AS id FROM payment_transitions t WHERE NOT EXISTS (
    SELECT FROM captures c WHERE c.payment_id = t.payment_id AND CASE t.event_type
        WHEN 'payment.succeeded' THEN c.status = 'accepted'
        ELSE c.status = 'surplus' AND t.fact_key = 'surplus:' || c.capture_ref END
) AND t.event_type IN ('payment.succeeded', 'payment.surplus')
"""
_PAID_ORDERS: Final = """
SELECT o.id, o.payment_id, o.total, o.currency,
    (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = o.id) AS at
FROM orders o WHERE o.status IN ('paid', 'fulfilled', 'refunded') AND o.total > 0
"""
_WITHOUT_CAPTURE: Final = """
SELECT o.id, o.at FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[])
    AS o (id, payment_id, total, currency, at)
LEFT JOIN payments p ON p.id = o.payment_id AND p.order_id = o.id AND p.status = 'succeeded'
    AND (p.amount, p.currency) = (o.total, o.currency)
    AND EXISTS (SELECT FROM captures c WHERE c.payment_id = p.id AND c.status = 'accepted')
WHERE p.id IS NULL
"""
_CAPTURED: Final = """
SELECT c.payment_id AS id, c.order_id,
    (SELECT max(t.at) FROM payment_transitions t WHERE t.payment_id = c.payment_id AND t.went_to = 'succeeded') AS at
FROM captures c WHERE c.status = 'accepted' AND NOT EXISTS (
    SELECT FROM refunds r WHERE r.provider = c.provider AND r.capture_ref = c.capture_ref AND r.status <> 'failed')
"""
_WITHOUT_ORDER: Final = """
SELECT p.id, p.at FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS p (id, order_id, at)
LEFT JOIN orders o ON o.id = p.order_id
WHERE o.id IS NULL OR (o.status NOT IN ('paid', 'fulfilled', 'refunded') AND o.refund_id IS NULL)
"""
# Who has paid is owed something, or the money; what payments knows of the attempt that counts, orders has heard.
_KNOWN_PAYMENTS: Final = """
SELECT o.id, o.payment_id, o.payment_state, (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = o.id) AS at
FROM orders o WHERE o.payment_id IS NOT NULL
"""
_STANDS_OTHERWISE: Final = """
SELECT o.id, greatest(o.at, (SELECT max(t.at) FROM payment_transitions t WHERE t.payment_id = o.payment_id)) AS at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS o (id, payment_id, state, at)
LEFT JOIN payments p ON p.id = o.payment_id AND p.order_id = o.id
WHERE p.id IS NULL OR o.state <> CASE p.status
    WHEN 'unknown' THEN 'intended' WHEN 'authorized' THEN 'processing' WHEN 'superseded' THEN 'cancelled'
    ELSE p.status END
"""
_TOO_MUCH: Final = """
SELECT c.payment_id AS id FROM captures c
JOIN refunds r ON r.provider = c.provider AND r.capture_ref = c.capture_ref AND r.status <> 'failed'
GROUP BY c.id HAVING sum(r.amount) > c.amount OR bool_or(r.currency <> c.currency)
"""
_NEVER_TAKEN: Final = """
SELECT r.id FROM refunds r LEFT JOIN captures c ON c.provider = r.provider AND c.capture_ref = r.capture_ref
    AND c.payment_id = r.payment_id AND c.order_id = r.order_id
WHERE r.status <> 'failed' AND c.id IS NULL
"""
_UNKNOWN_SUCCESS: Final = "SELECT id FROM refunds WHERE status = 'succeeded' AND provider_ref IS NULL"
_FAILED_FOR_GOOD: Final = """
SELECT r.id FROM refunds r WHERE r.status = 'failed' AND NOT EXISTS (
    SELECT FROM refunds o WHERE o.provider = r.provider AND o.capture_ref = r.capture_ref AND o.status <> 'failed')
"""
_ASKED: Final = "SELECT id, refund_id, refund_id AS at FROM orders WHERE refund_id IS NOT NULL"
_NOT_HEARD: Final = """
SELECT o.id, o.at FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS o (id, refund_id, at)
LEFT JOIN refunds r ON r.id = o.refund_id AND r.order_id = o.id WHERE r.id IS NULL
"""
_GIVEN_BACK: Final = """
SELECT r.order_id, sum(r.amount)::bigint AS amount, max(r.moved) AS at FROM (
    SELECT r.*, (SELECT max(t.at) FROM refund_transitions t WHERE t.refund_id = r.id) AS moved FROM refunds r
) r JOIN captures c ON c.provider = r.provider AND c.capture_ref = r.capture_ref AND c.status <> 'surplus'
WHERE r.status = 'succeeded' GROUP BY r.order_id
"""
_NOT_NOTED: Final = """
SELECT r.id, r.at FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS r (id, amount, at)
LEFT JOIN orders o ON o.id = r.id WHERE o.refunded IS DISTINCT FROM r.amount
"""
_NOTED: Final = """
SELECT o.id, (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = o.id) AS at
FROM orders o WHERE o.refunded > 0
"""
_NOT_GIVEN: Final = """
SELECT o.id, o.at FROM unnest($1::uuid[], $2::timestamptz[]) AS o (id, at)
WHERE NOT EXISTS (
    SELECT FROM refunds r JOIN captures c ON c.provider = r.provider AND c.capture_ref = r.capture_ref
    WHERE r.order_id = o.id AND r.status = 'succeeded' AND c.status <> 'surplus')
"""


@check("I4 each provider fact once", "payments")
async def facts_apply_once(visit: Visit) -> None:
    """What happened at the provider happened here once, however often it was told."""
    await visit.saw("payments", "payment_transitions", "refund_transitions", "provider_events")
    await visit.accuse("payments", _FACT_TWICE, "One fact was applied to this payment twice.")
    await visit.accuse("payments", _MOVE_TWICE, "This payment ended twice in the same way.")
    await visit.accuse("payments", _REFUND_TWICE, "One fact was applied to this refund twice.")
    await visit.accuse("payments", _EVENT_TWICE, "This provider event is stored twice.")
    await visit.accuse("payments", _CAPTURE_TWICE, "One capture was booked for several payments, this is one of them.")


@check("I5 one capture per order", "payments")
async def one_capture_is_kept(visit: Visit) -> None:
    """No order keeps the money of two captures, and each attempt has one payment."""
    await visit.saw("payments", "payments")
    await visit.accuse("payments", _KEPT_TWICE, "Two captures of this order are kept: give one back.")
    await visit.accuse("payments", _ACCEPTED_TWICE, "Two captures count as this order's own.")
    await visit.accuse("payments", _NOT_RETURNED, "The order does not keep this capture, and not all of it goes back.")
    await visit.accuse("payments", _ATTEMPT_TWICE, "One attempt of this order has two payments.")


@check("I5 captures and payments agree", "payments")
async def captures_belong_to_payments(visit: Visit) -> None:
    """Each capture is one payment's, which says so, and has told of it once."""
    await visit.saw("payments", "captures")
    await visit.accuse("payments", _UNLIKE_ITS_PAYMENT, "This capture and its payment contradict each other.")
    await visit.accuse("payments", _WITHOUT_MONEY, "This payment counts as captured, and no capture of it is booked.")
    await visit.accuse("payments", _NOT_TOLD, "This capture was not told of, once, by the event that it must.")
    await visit.accuse("payments", _MADE_UP, "This payment told of a capture that is not booked.")


@check("I6 paid means paid", "orders", "payments")
async def paid_means_paid(visit: Visit) -> None:
    """A paid order has a capture of its amount, and a capture has a paid order or goes back."""
    await visit.confront(
        ("orders", _PAID_ORDERS),
        ("payments", _WITHOUT_CAPTURE),
        "The order counts as paid, and payments has no capture of this amount and currency for it.",
    )
    await visit.confront(
        ("payments", _CAPTURED),
        ("orders", _WITHOUT_ORDER),
        "The money is captured, its order is not paid, and nothing gives it back.",
    )
    await visit.confront(
        ("orders", _KNOWN_PAYMENTS),
        ("payments", _STANDS_OTHERWISE),
        "The order's payment stands otherwise than orders knows.",
    )


@check("I7 refunds within captures", "payments")
async def refunds_stay_within_captures(visit: Visit) -> None:
    """No more goes back than came in, and what cannot go back is somebody's task."""
    await visit.saw("payments", "refunds")
    await visit.accuse("payments", _TOO_MUCH, "More goes back than was captured, or another currency.")
    await visit.accuse("payments", _NEVER_TAKEN, "This refund gives back money that was never captured.")
    await visit.accuse("payments", _UNKNOWN_SUCCESS, "This refund succeeded, and no refund of the provider is named.")
    await visit.accuse(
        "payments", _FAILED_FOR_GOOD, "Open item: the provider refused this refund; give the money back by hand."
    )


@check("I7 refunds as asked", "orders", "payments")
async def refunds_are_as_asked(visit: Visit) -> None:
    """Orders and payments agree on what is to go back and what went."""
    await visit.confront(
        ("orders", _ASKED),
        ("payments", _NOT_HEARD),
        "The order's money is to go back, and payments has no such refund.",
    )
    await visit.confront(
        ("payments", _GIVEN_BACK),
        ("orders", _NOT_NOTED),
        "Payments gave back another sum for this order than it notes.",
    )
    await visit.confront(
        ("orders", _NOTED), ("payments", _NOT_GIVEN), "The order notes a refund, and payments gave nothing back for it."
    )


CHECKS: Final = (
    facts_apply_once,
    one_capture_is_kept,
    captures_belong_to_payments,
    paid_means_paid,
    refunds_stay_within_captures,
    refunds_are_as_asked,
)
