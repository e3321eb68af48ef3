"""Placing orders: prices, guards, keys, bad input."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.contracts.catalog import ProductArchived, ProductUpdated
from common.testing import bearer

Shop = Any  # conftest.Shop, which cannot be imported from here


async def test_an_order_is_priced_from_the_catalogue_and_told(shop: Shop) -> None:
    dune, mug = await shop.product(2599), await shop.product(1000, kind="physical")
    order = await shop.place((dune, 1), (mug, 2), metadata={"table": "7"})
    assert order["total"] == {"amount": 4599, "currency": "USD"}
    assert [item["total"]["amount"] for item in order["items"]] == [2599, 2000]
    assert (order["status"], order["payment_status"], order["payment"]) == ("pending", "none", None)
    assert order["metadata"] == {"table": "7"}
    (told,) = await shop.one.told("order.created")
    assert told.data["number"] == order["number"]
    assert told.partitionkey == order["id"]
    assert "email" not in str(told.data)


async def test_lines_of_one_product_are_added_up(shop: Shop) -> None:
    dune = await shop.product(100)
    order = await shop.place((dune, 1), (dune, 2))
    assert [item["quantity"] for item in order["items"]] == [3]


async def test_a_price_that_changed_is_told_with_both_prices(shop: Shop) -> None:
    dune = await shop.product(2599)
    answer = await shop.post(shop.wish((dune, 1), expected_total={"amount": 1999, "currency": "USD"}))
    assert answer.status_code == 409
    body = answer.json()
    assert (body["code"], body["expected"]["amount"], body["total"]["amount"]) == ("price_changed", 1999, 2599)


async def test_an_order_keeps_its_price_when_the_product_changes(shop: Shop) -> None:
    dune = await shop.product(2599)
    order = await shop.place((dune, 1))
    await shop.product(9999, product_id=dune, version_number=2)
    assert (await shop.show(order))["total"]["amount"] == 2599


async def test_an_older_version_of_a_product_changes_nothing(shop: Shop) -> None:
    dune = await shop.product(2599, version_number=3)
    await shop.product(1, product_id=dune, version_number=2)
    assert (await shop.place((dune, 1)))["total"]["amount"] == 2599


async def test_an_archived_product_cannot_be_ordered(shop: Shop) -> None:
    dune = await shop.product()
    await shop.one.hear(ProductArchived(product_id=dune, version_number=2))
    answer = await shop.post(shop.wish((dune, 1)))
    assert (answer.status_code, answer.json()["code"]) == (409, "product_not_for_sale")


async def test_an_archive_heard_before_the_product_waits_for_it(shop: Shop) -> None:
    dune = uuid4()
    await shop.one.hear(ProductArchived(product_id=dune, version_number=2))
    assert await shop.one.inbox_rows("waiting") == ["product.archived"]
    await shop.product(product_id=dune)
    await shop.one.work_waiting()
    assert (await shop.post(shop.wish((dune, 1)))).json()["code"] == "product_not_for_sale"


async def test_a_product_told_of_a_moment_later_is_awaited(shop: Shop) -> None:
    dune = uuid4()
    placing = asyncio.create_task(shop.post(shop.wish((dune, 1)), wait=5))
    await asyncio.sleep(0.2)
    await shop.product(product_id=dune)
    assert (await placing).status_code == 201


async def test_a_product_is_not_awaited_for_who_does_not_wait(shop: Shop) -> None:
    async with asyncio.timeout(0.7):
        answer = await shop.post(shop.wish((uuid4(), 1)), wait=0)
    assert answer.json()["code"] == "product_not_ready"


async def test_a_product_nobody_knows_is_not_ready(shop: Shop) -> None:
    answer = await shop.post(shop.wish((uuid4(), 1)))
    assert (answer.status_code, answer.json()["code"]) == (409, "product_not_ready")
    assert await shop.one.told() == []


async def test_one_order_has_one_currency(shop: Shop) -> None:
    answer = await shop.post(shop.wish((await shop.product(), 1), (await shop.product(900, "INR"), 1)))
    assert (answer.status_code, answer.json()["code"]) == (422, "mixed_currencies")


@pytest.mark.parametrize(
    ("amount", "currency", "reason"), [(49, "USD", "too_small"), (1005, "KWD", "granularity"), (49, "JPY", "too_small")]
)
async def test_an_amount_no_provider_can_charge_is_refused(shop: Shop, amount: int, currency: str, reason: str) -> None:
    answer = await shop.post(shop.wish((await shop.product(amount, currency), 1)))
    assert (answer.status_code, answer.json()["code"]) == (422, "amount_not_chargeable")
    assert answer.json()["reason"] == reason


async def test_a_way_to_pay_that_is_not_offered_is_refused(shop: Shop) -> None:
    body = shop.wish((await shop.product(), 1), payment={"provider": "razorpay", "flow": "intent"})
    answer = await shop.post(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "provider_not_configured")
    shop.one.service.app.state.settings = shop.one.service.settings.model_copy(
        update={"payment_methods": "razorpay:checkout"}
    )
    body["payment"]["provider"] = "stripe"
    assert (await shop.post(body)).json()["code"] == "provider_not_configured"


async def test_a_hundred_requests_with_one_key_make_one_order(shop: Shop) -> None:
    body = shop.wish((await shop.product(), 1))
    answers = await asyncio.gather(*(shop.post(body, key="once") for _ in range(100)))
    codes = {answer.status_code for answer in answers}
    assert codes <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(await shop.one.told("order.created")) == 1


async def test_a_replay_shows_the_same_order_as_it_stands(shop: Shop) -> None:
    body = shop.wish((await shop.product(), 1))
    first = await shop.post(body, key="again")
    await shop.reserve(first.json())
    second = await shop.post(body, key="again")
    assert second.status_code == 201
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (second.json()["id"], second.json()["status"]) == (first.json()["id"], "awaiting_payment")


async def test_a_key_for_another_order_is_refused_and_free_for_another_buyer(shop: Shop) -> None:
    dune = await shop.product()
    await shop.post(shop.wish((dune, 1)), key="mine")
    assert (await shop.post(shop.wish((dune, 2)), key="mine")).json()["code"] == "idempotency_key_reused"
    assert (await shop.post(shop.wish((dune, 2)), key="mine", user=uuid4())).status_code == 201


async def test_a_key_whose_request_failed_is_fresh_again(shop: Shop) -> None:
    dune = uuid4()
    body = shop.wish((dune, 1))
    assert (await shop.post(body, key="retry")).status_code == 409
    await shop.product(product_id=dune)
    assert (await shop.post(body, key="retry")).status_code == 201


async def test_an_order_needs_a_key_and_a_buyer(shop: Shop) -> None:
    body = shop.wish((await shop.product(), 1))
    without_key = await shop.one.client.post("/orders", json=body, headers=bearer(shop.buyer))
    assert (without_key.status_code, without_key.json()["code"]) == (400, "idempotency_key_required")
    without_token = await shop.one.client.post("/orders", json=body, headers={"Idempotency-Key": "k"})
    assert without_token.status_code == 401
    assert without_token.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("quantity", [0, -1, 2**31, 2**63, 1.5, "5", True, 5.0, None])
async def test_a_quantity_is_a_small_whole_number(shop: Shop, quantity: object) -> None:
    body = shop.wish((await shop.product(), 1))
    body["items"][0]["quantity"] = quantity
    answer = await shop.post(body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/items/0/quantity"


@pytest.mark.parametrize("extra", ["price", "total", "status", "user_id", "is_admin", "amount"])
async def test_nothing_but_the_wish_is_taken_from_the_client(shop: Shop, extra: str) -> None:
    answer = await shop.post(shop.wish((await shop.product(), 1), **{extra: 1}))
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")


@pytest.mark.parametrize("count", [0, 101])
async def test_an_order_has_one_to_a_hundred_lines(shop: Shop, count: int) -> None:
    assert (await shop.post(shop.wish(*((uuid4(), 1) for _ in range(count))))).status_code == 422


async def test_open_orders_per_buyer_can_be_limited(shop: Shop) -> None:
    settings = shop.one.service.settings.model_copy(update={"max_open_orders": 1})
    shop.one.service.app.state.settings = settings
    dune = await shop.product()
    assert (await shop.post(shop.wish((dune, 1)))).status_code == 201
    answer = await shop.post(shop.wish((dune, 1)))
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_open_orders")
    assert (await shop.post(shop.wish((dune, 1)), user=uuid4())).status_code == 201


async def test_an_updated_product_that_stopped_selling_is_refused(shop: Shop) -> None:
    dune = await shop.product()
    sold = {"kind": "digital", "name": "x", "price": {"amount": 1, "currency": "USD"}, "seller_id": uuid4()}
    await shop.one.hear(
        ProductUpdated.model_validate({"product_id": dune, "version_number": 2, "active": False, **sold})
    )
    assert (await shop.post(shop.wish((dune, 1)))).json()["code"] == "product_not_for_sale"


async def test_ids_have_one_form(shop: Shop) -> None:
    dune = await shop.product()
    for form in (str(dune).upper(), dune.hex, f"{{{dune}}}", f"urn:uuid:{dune}"):
        body = shop.wish((dune, 1))
        body["items"][0]["product_id"] = form
        assert (await shop.post(body)).status_code == 422
        order = await shop.one.client.get(f"/orders/{form}", headers=bearer(shop.buyer))
        assert order.status_code == 404


async def test_another_buyers_order_is_not_there(shop: Shop) -> None:
    order = await shop.place()
    theirs = await shop.one.client.get(f"/orders/{order['id']}", headers=bearer(uuid4()))
    missing = await shop.one.client.get(f"/orders/{UUID(int=1)}", headers=bearer(uuid4()))
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.json()["code"] == missing.json()["code"] == "order_not_found"
    assert (await shop.show(order, "support"))["id"] == order["id"]


async def test_lists_are_paged_and_belong_to_their_reader(shop: Shop) -> None:
    dune = await shop.product()
    placed = [(await shop.place((dune, 1)))["id"] for _ in range(5)]
    await shop.post(shop.wish((dune, 1)), user=uuid4())
    seen, cursor = [], None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await shop.one.client.get("/orders", params=params, headers=bearer(shop.buyer))).json()
        assert "items" in page, page
        seen += [order["id"] for order in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
        stolen = await shop.one.client.get("/orders", params={"cursor": cursor}, headers=bearer(uuid4()))
        assert (stolen.status_code, stolen.json()["code"]) == (422, "bad_cursor")
    assert seen == placed[::-1]
    everyone = (await shop.one.client.get("/orders", headers=bearer(uuid4(), "admin"))).json()
    assert len(everyone["items"]) == 6
    pending = await shop.one.client.get("/orders", params={"status": "paid"}, headers=bearer(shop.buyer))
    assert pending.json()["items"] == []
