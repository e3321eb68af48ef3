"""Refunds and what they do to charges."""

import pytest
import stripe


async def test_a_refund_gives_everything_back_unless_told(world):
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent.id, "metadata": {"why": "x"}})
    assert (refund.status, refund.amount, refund.payment_intent) == ("succeeded", 2000, intent.id)
    charge = await world.stripe.v1.charges.retrieve_async(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 2000)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"


async def test_parts_are_refunded_until_nothing_is_left(world):
    intent = await world.paid()
    first = await world.stripe.v1.refunds.create_async(
        {"charge": intent.latest_charge, "amount": 500, "reason": "requested_by_customer", "expand": ["charge"]}
    )
    assert (first.charge.amount_refunded, first.charge.refunded) == (500, False)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.refunds.create_async({"charge": intent.latest_charge, "amount": 1501})
    assert caught.value.param == "amount"
    assert "($15.01) is greater than unrefunded amount on charge ($15.00)" in str(caught.value)
    second = await world.stripe.v1.refunds.create_async({"charge": intent.latest_charge})
    assert second.amount == 1500
    listed = await world.stripe.v1.refunds.list_async({"payment_intent": intent.id})
    assert [refund.id for refund in listed.data] == [second.id, first.id]
    assert (await world.stripe.v1.refunds.retrieve_async(first.id)).reason == "requested_by_customer"


async def test_only_money_that_was_taken_can_be_refunded(world):
    unpaid = await world.intent()
    held = await world.paid(capture_method="manual")
    for intent in (unpaid, held):
        with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
            await world.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    with pytest.raises(stripe.CardError) as declined:
        await world.paid("pm_card_chargeDeclined")
    with pytest.raises(stripe.InvalidRequestError, match="has failed"):
        await world.stripe.v1.refunds.create_async({"charge": declined.value.error.charge})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await world.stripe.v1.refunds.create_async({"payment_intent": "pi_none"})
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)


@pytest.mark.parametrize(
    ("params", "param"),
    [({}, "payment_intent"), ({"charge": "ch_1", "amount": 0}, "amount"), ({"reason": "x"}, "reason")],
)
async def test_refunds_asked_for_wrongly_are_refused(world, params, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await world.stripe.v1.refunds.create_async(params)
    assert caught.value.param == param


async def test_a_pending_refund_arrives_later(world):
    intent = await world.paid("pm_card_pendingRefund")
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "pending"
    await world.until(lambda: {"refund.updated", "charge.refund.updated"} <= set(world.shop.types))
    assert (await world.stripe.v1.refunds.retrieve_async(refund.id)).status == "succeeded"


async def test_a_refund_may_fail_after_it_seemed_to_succeed(world):
    intent = await world.paid("pm_card_refundFail")
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    await world.until(lambda: "refund.failed" in world.shop.types)
    after = await world.stripe.v1.refunds.retrieve_async(refund.id)
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    charge = await world.stripe.v1.charges.retrieve_async(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)


async def test_a_refunds_metadata_can_be_changed(world):
    intent = await world.paid()
    refund = await world.stripe.v1.refunds.create_async({"payment_intent": intent.id})
    changed = await world.stripe.v1.refunds.update_async(refund.id, {"metadata": {"a": "b"}})
    assert changed.metadata.to_dict() == {"a": "b"}
    await world.until(lambda: "refund.updated" in world.shop.types)
