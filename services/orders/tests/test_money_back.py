"""Refunds: by support or in a dashboard, whole or in part, failed, repeated, of money that was never the order's."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.contracts.payments import PaymentMismatched, RefundFailed
from common.money import Money
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]


async def refund(shop: Shop, order: Json, *roles: str, key: str | None = None, **body: object) -> Any:
    """Ask for an order's refund as a member of the staff and return the response."""
    headers = bearer(shop.clerk, *(roles or ("support",)))
    return await shop.ask(order, "refunds", {"reason": "requested_by_customer", **body}, key=key, headers=headers)


async def asked_for(shop: Shop) -> list[UUID]:
    """Return the refunds that were asked of payments."""
    return [UUID(told.data["refund_id"]) for told in await shop.one.told("order.refund_requested")]


def failed(shop: Shop, order: Json, refund_id: UUID, **changes: object) -> RefundFailed:
    """The provider could not give the money back."""
    about = {"refund_id": refund_id, "payment_id": shop.payment_id(order), "order_id": order["id"]}
    return RefundFailed.model_validate({**about, "amount": order["total"], "reason": "refused", **changes})


async def test_support_gives_a_paid_orders_money_back(shop: Shop) -> None:
    order = await shop.paid()
    answer = await refund(shop, order)
    assert (answer.status_code, answer.json()["status"], answer.json()["payment_status"]) == (201, "paid", "succeeded")
    (asked,) = await shop.one.told("order.refund_requested")
    assert (asked.data["amount"], asked.data["reason"]) == (order["total"], "requested_by_customer")
    assert asked.data["payment_id"] == str(shop.payment_id(order))
    await shop.one.hear(shop.given_back(order, UUID(asked.data["refund_id"])))
    shown = await shop.show(order)
    assert (shown["status"], shown["payment_status"], shown["refunded"]) == ("refunded", "refunded", order["total"])


async def test_a_fulfilled_order_is_refunded_whole(shop: Shop) -> None:
    order = await shop.paid()
    await shop.one.hear(shop.granted(order))
    assert (await refund(shop, order, "admin")).status_code == 201
    await shop.one.hear(shop.given_back(order, *await asked_for(shop)))
    (told,) = await shop.one.told("order.refunded")
    assert (told.data["whole"], told.data["lines"]) == (True, [item["id"] for item in order["items"]])
    assert await shop.status(order) == ("refunded", "refunded")


async def test_one_key_gives_back_once_byte_for_byte_and_another_is_refused(shop: Shop) -> None:
    order = await shop.paid()
    first = await refund(shop, order, key="once")
    await shop.one.hear(shop.given_back(order, *await asked_for(shop)))
    again = await refund(shop, order, key="once")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await refund(shop, order)).json()["code"] == "nothing_to_refund"
    assert len(await asked_for(shop)) == 1


async def test_ten_at_once_give_back_once(shop: Shop) -> None:
    order = await shop.paid()
    answers = await asyncio.gather(*(refund(shop, order) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"refund_in_progress"}
    assert len(await asked_for(shop)) == 1


@pytest.mark.parametrize(("roles", "status"), [(("customer",), 403), (("seller",), 403), (("admin",), 201)])
async def test_only_support_and_admins_refund(shop: Shop, roles: tuple[str, ...], status: int) -> None:
    order = await shop.paid()
    assert (await refund(shop, order, *roles)).status_code == status
    own = await shop.ask(order, "refunds", {"reason": "mine"})
    assert own.status_code == 403


async def test_a_refund_needs_a_key_a_reason_and_an_order(shop: Shop) -> None:
    order = await shop.paid()
    clerk = bearer(uuid4(), "support")
    keyless = await shop.one.client.post(f"/orders/{order['id']}/refunds", json={"reason": "x"}, headers=clerk)
    assert keyless.json()["code"] == "idempotency_key_required"
    assert (await refund(shop, order, reason=" ")).status_code == 422
    assert (await refund(shop, {"id": str(uuid4())})).json()["code"] == "order_not_found"
    assert await asked_for(shop) == []


async def test_parts_given_back_in_a_dashboard_add_up_to_the_whole(shop: Shop) -> None:
    order = await shop.paid((await shop.product(1000), 2))
    part, rest = uuid4(), uuid4()
    first = shop.given_back(order, part, amount=Money(500, "USD"), reason="made_at_provider")
    await shop.one.hear(first, first)
    shown = await shop.show(order)
    assert (shown["status"], shown["payment_status"]) == ("paid", "partially_refunded")
    assert shown["refunded"]["amount"] == 500
    (told,) = await shop.one.told("order.refunded")
    assert (told.data["whole"], told.data["lines"], told.data["total_refunded"]["amount"]) == (False, [], 500)
    await shop.one.hear(shop.given_back(order, rest, amount=Money(1500, "USD")), first)
    assert await shop.status(order) == ("refunded", "refunded")
    last = (await shop.one.told("order.refunded"))[-1]
    assert (last.data["whole"], last.data["total_refunded"]["amount"]) == (True, 2000)
    assert len(last.data["lines"]) == 1


async def test_after_a_part_support_gives_back_the_rest(shop: Shop) -> None:
    order = await shop.paid((await shop.product(1000), 2))
    await shop.one.hear(shop.given_back(order, amount=Money(500, "USD")))
    await refund(shop, order)
    (asked,) = await shop.one.told("order.refund_requested")
    assert asked.data["amount"]["amount"] == 1500


async def test_a_part_given_back_does_not_stop_the_delivery(shop: Shop) -> None:
    order = await shop.paid()
    await shop.one.hear(shop.given_back(order, amount=Money(1, "USD")), shop.granted(order))
    assert await shop.status(order) == ("fulfilled", "partially_refunded")


async def test_a_refund_that_failed_may_be_asked_for_again(shop: Shop) -> None:
    order = await shop.paid()
    await refund(shop, order)
    (first,) = await asked_for(shop)
    await shop.one.hear(failed(shop, order, first), failed(shop, order, first))
    assert await shop.status(order) == ("paid", "succeeded")
    assert (await refund(shop, order)).status_code == 201
    second = (await asked_for(shop))[-1]
    await shop.one.hear(failed(shop, order, first), shop.given_back(order, second))
    assert await shop.status(order) == ("refunded", "refunded")
    assert (await shop.show(order))["refunded"] == order["total"]


async def test_money_that_came_back_to_us_is_owed_and_may_be_sent_again(shop: Shop) -> None:
    order = await shop.paid()
    await refund(shop, order)
    (first,) = await asked_for(shop)
    back = shop.given_back(order, first)
    await shop.one.hear(back, failed(shop, order, first), back)
    shown = await shop.show(order)
    assert (shown["status"], shown["payment_status"], shown["refunded"]["amount"]) == ("refunded", "succeeded", 0)
    assert (await refund(shop, order)).status_code == 201
    second = (await asked_for(shop))[-1]
    await shop.one.hear(shop.given_back(order, second))
    assert await shop.status(order) == ("refunded", "refunded")
    assert [told.data["total_refunded"] for told in await shop.one.told("order.refunded")] == [order["total"]] * 2


async def test_a_failure_heard_before_the_success_it_undoes_stays(shop: Shop) -> None:
    order = await shop.paid()
    await refund(shop, order)
    (first,) = await asked_for(shop)
    await shop.one.hear(failed(shop, order, first))
    await shop.one.hear(shop.given_back(order, first))
    assert await shop.status(order) == ("paid", "succeeded")
    assert await shop.one.told("order.refunded") == []


async def test_a_surplus_that_goes_back_is_not_the_orders_money(shop: Shop) -> None:
    order = await shop.paid()
    await shop.one.hear(shop.given_back(order, capture="surplus"))
    await shop.one.hear(failed(shop, order, uuid4(), capture="surplus"))
    assert await shop.status(order) == ("paid", "succeeded")
    assert await shop.one.told("order.refunded") == []


async def test_a_refund_heard_before_its_payment_waits_for_it(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.one.hear(shop.given_back(order, amount=Money(500, "USD")))
    assert await shop.one.inbox_rows("waiting") == ["refund.succeeded"]
    await shop.one.hear(shop.captured(order))
    await shop.one.work_waiting()
    assert await shop.status(order) == ("paid", "partially_refunded")


async def test_what_a_mismatched_payment_took_goes_back_whole_and_may_come_back(shop: Shop) -> None:
    order = await shop.awaiting()
    await shop.one.hear(PaymentMismatched(**shop.of(order), expected=Money(2599, "USD"), found=Money(7, "USD")))
    first = uuid4()
    about: Json = {"amount": Money(7, "USD"), "capture": "mismatched"}
    await shop.one.hear(shop.given_back(order, first, **about))
    assert await shop.status(order) == ("cancelled", "refunded")
    (told,) = await shop.one.told("order.refunded")
    assert (told.data["amount"]["amount"], told.data["whole"]) == (7, True)
    await shop.one.hear(failed(shop, order, first, **about))
    assert await shop.status(order) == ("cancelled", "failed")


async def test_an_order_on_its_way_back_is_not_shipped_until_that_has_failed(shop: Shop) -> None:
    order = await shop.paid((await shop.product(kind="physical"), 1))
    await refund(shop, order)
    admin = bearer(uuid4(), "admin")
    refused = await shop.ask(order, "ship", {}, headers=admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "order_moved_on")
    await shop.one.hear(failed(shop, order, *await asked_for(shop)))
    assert (await shop.ask(order, "ship", {}, headers=admin)).status_code == 200


async def test_late_money_that_could_not_go_back_may_be_sent_again_by_support(shop: Shop) -> None:
    order = await shop.place()
    await shop.ask(order, "cancel")
    await shop.one.hear(shop.captured(order))
    (first,) = await asked_for(shop)
    assert (await refund(shop, order)).json()["code"] == "refund_in_progress"
    await shop.one.hear(failed(shop, order, first))
    assert (await refund(shop, order)).status_code == 201
    await shop.one.hear(shop.given_back(order, (await asked_for(shop))[-1]))
    assert await shop.status(order) == ("cancelled", "refunded")
