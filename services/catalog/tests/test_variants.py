"""Variants: what is ordered, counted and priced of a product that comes in several forms."""

from datetime import timedelta

import pytest

from common.db import now
from common.events import new_id
from common.testing import bearer

SMALL = {"options": {"size": "A4", "frame": "none"}, "price": {"amount": 2000, "currency": "USD"}, "stock": 5}
LARGE = {"options": {"size": "A3", "frame": "oak"}, "price": {"amount": 5000, "currency": "USD"}, "sku": "P-A3"}
POSTER = {"kind": "physical", "name": "Poster", "variants": [SMALL, LARGE]}


async def put_up(shop, **more):
    return await shop.client.post("/products", json=POSTER | more, headers=shop.headers)


async def change(shop, product, **changes):
    return await shop.client.patch(f"/products/{product['id']}", json=changes, headers=shop.headers)


@pytest.fixture
async def poster(shop):
    return (await put_up(shop)).json()


def as_bought(product, variant):
    return product | {"variant_id": variant["id"], "price": variant["price"]}


async def test_a_product_shows_its_variants_and_the_lowest_price(shop, poster):
    small, large = poster["variants"]
    assert (small["name"], small["stock"], small["sku"]) == ("A4 / none", 5, None)
    assert (large["name"], large["stock"], large["sku"]) == ("A3 / oak", None, "P-A3")
    assert poster["price"] == SMALL["price"]
    assert poster["stock"] is None
    assert poster["id"] not in {small["id"], large["id"]}
    ((_, told),) = await shop.told("product.created")
    assert [(v["variant_id"], v["name"], v["prices"]) for v in told["variants"]] == [
        (small["id"], "A4 / none", [SMALL["price"]]),
        (large["id"], "A3 / oak", [LARGE["price"]]),
    ]
    await shop.check_books()


async def test_each_variant_has_its_own_stock(shop, poster, order):
    small, large = poster["variants"]
    wanted = order((as_bought(poster, small), 5), (as_bought(poster, large), 50))
    await shop.one.hear(wanted.created())
    assert len(await shop.told("stock.reserved")) == 1
    more = order((as_bought(poster, small), 1))
    await shop.one.hear(more.created())
    ((_, told),) = await shop.told("stock.rejected")
    assert (told["reason"], told["variant_id"], told["product_id"]) == ("out_of_stock", small["id"], poster["id"])
    await shop.one.hear(wanted.paid())
    assert [v["stock"] for v in (await shop.show(poster))["variants"]] == [0, None]
    await shop.check_books()


async def test_the_product_itself_cannot_be_ordered_nor_counted(shop, poster, order):
    await shop.one.hear(order((poster, 1)).created())
    ((_, told),) = await shop.told("stock.rejected")
    assert told["reason"] == "unknown_product"
    path, body = f"/products/{poster['id']}/stock", {"delta": 1, "reason": "found"}
    headers = shop.headers | {"Idempotency-Key": "k"}
    answer = await shop.client.post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "variant_required")
    headers["Idempotency-Key"] = "l"
    answer = await shop.client.post(path, json=body | {"variant_id": str(new_id())}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "variant_not_found")
    headers["Idempotency-Key"] = "m"
    answer = await shop.client.post(path, json=body | {"variant_id": poster["variants"][0]["id"]}, headers=headers)
    assert (answer.status_code, answer.json()["stock"]) == (201, 6)
    await shop.check_books()


async def test_variants_are_added_changed_and_retired_by_giving_them_whole(shop, poster, order):
    small, large = poster["variants"]
    bought = order((as_bought(poster, large), 1))
    kept = {"id": small["id"], "options": small["options"], "price": {"amount": 2500, "currency": "USD"}}
    new = {"options": {"size": "A2", "frame": "none"}, "price": {"amount": 9000, "currency": "USD"}, "stock": 1}
    answer = await change(shop, poster, variants=[new, kept])
    assert answer.status_code == 200, answer.text
    names = [(v["name"], v["price"]["amount"], v["stock"]) for v in answer.json()["variants"]]
    assert names == [("A2 / none", 9000, 1), ("A4 / none", 2500, 5)]
    await shop.one.hear(bought.created())
    ((_, told),) = await shop.told("stock.rejected")
    assert told["reason"] == "not_for_sale"
    assert (await change(shop, poster, variants=[kept | {"id": str(new_id())}])).json()["code"] == "variant_not_found"
    assert (await change(shop, poster, variants=[kept | {"stock": 3}])).status_code == 422
    await shop.check_books()


async def test_a_plain_product_can_become_one_in_variants(shop, order):
    mug = await shop.product(stock=3)
    before = order((mug, 1))
    await shop.one.hear(before.created())
    answer = await change(shop, mug, variants=[SMALL])
    assert (answer.status_code, len(answer.json()["variants"]), answer.json()["stock"]) == (200, 1, 5)
    await shop.one.hear(before.paid())
    assert await shop.told("stock.rejected") == []
    assert (await change(shop, mug, price={"amount": 1, "currency": "USD"})).json()["code"] == "priced_by_variant"
    await shop.check_books()


@pytest.mark.parametrize(
    ("variants", "code"),
    [
        ([SMALL, SMALL], "variants_alike"),
        ([SMALL, {**LARGE, "options": {"size": "A3"}}], "variants_alike"),
        ([SMALL, {**LARGE, "price": {"amount": 1, "currency": "EUR"}}], "mixed_currencies"),
        ([{**SMALL, "options": {}}], None),
        ([{**SMALL, "stock": -1}], None),
        ([{**SMALL, "prices": [{"amount": 1, "currency": "USD"}]}], "prices_overlap"),
    ],
)
async def test_variants_that_do_not_go_together_are_refused(shop, variants, code):
    answer = await put_up(shop, variants=variants)
    assert answer.status_code == 422
    assert code in {None, answer.json()["code"]}
    assert await shop.told("product.created") == []


@pytest.mark.parametrize(
    "more", [{"price": SMALL["price"]}, {"stock": 1}, {"prices": [{"amount": 1, "currency": "EUR"}]}]
)
async def test_prices_and_stock_are_the_variants_alone(shop, more):
    assert (await put_up(shop, **more)).status_code == 422


async def test_limits_hold_for_each_order(shop, order):
    mug = await shop.product(min_quantity=2, max_quantity=3)
    late = now() + timedelta(minutes=2)
    for quantity, reason in ((1, "quantity_out_of_range"), (4, "quantity_out_of_range"), (3, None)):
        made = order((mug, quantity), created_at=late)
        await shop.one.hear(made.created())
        told = {data["order_id"]: data.get("reason") for _, data in await shop.told("stock.rejected", "stock.reserved")}
        assert told[str(made.id)] == reason
    answer = await change(shop, mug, max_quantity=1)
    assert (answer.status_code, answer.json()["code"]) == (422, "quantities_cross")


async def test_limits_set_since_do_not_refuse_an_order_priced_before(shop, order):
    mug = await shop.product()
    made = order((mug, 5))
    await change(shop, mug, max_quantity=2)
    await shop.one.hear(made.created())
    assert len(await shop.told("stock.reserved")) == 1


async def test_an_edit_while_it_is_bought_neither_refuses_nor_changes_the_order(shop, order):
    picture = await shop.product(kind="digital", name="Sunset")
    made = order((picture, 1))
    changed = await change(shop, picture, name="Sunrise", price={"amount": 9999, "currency": "EUR"}, licence="New.")
    assert changed.status_code == 200
    await shop.one.hear(made.created(), made.paid())
    assert await shop.told("stock.rejected") == []
    items = (await shop.client.get("/downloads", headers=bearer(made.user))).json()["items"]
    assert [item["name"] for item in items] == ["Sunset"]


async def test_a_seller_hears_once_that_stock_runs_low(shop, order):
    mug = await shop.product(stock=5, low_stock=3)
    for quantity, told in ((1, 0), (1, 1), (1, 1)):
        await shop.one.hear(order((mug, quantity)).created())
        assert len(await shop.told("stock.low")) == told
    ((_, data),) = await shop.told("stock.low")
    assert (data["free"], data["threshold"], data["seller_id"], data["name"]) == (3, 3, str(shop.seller), "A mug")
    path, headers = f"/products/{mug['id']}/stock", shop.headers
    for delta, told in ((8, 1), (-7, 2)):
        body = {"delta": delta, "reason": "counted"}
        await shop.client.post(path, json=body, headers=headers | {"Idempotency-Key": str(delta)})
        assert len(await shop.told("stock.low")) == told


async def test_the_journal_says_who_and_why(shop, poster, order):
    small = poster["variants"][0]
    made = order((as_bought(poster, small), 2))
    await shop.one.hear(made.created(), made.paid())
    path = f"/products/{poster['id']}/stock"
    body = {"delta": 4, "reason": "delivery", "variant_id": small["id"]}
    await shop.client.post(path, json=body, headers=shop.headers | {"Idempotency-Key": "k"})
    first = (await shop.client.get(f"{path}?limit=2", headers=shop.headers)).json()
    rest = (await shop.client.get(f"{path}?cursor={first['next_cursor']}", headers=shop.headers)).json()
    lines = [(line["delta"], line["reason"], line["order_id"]) for line in [*first["items"], *rest["items"]]]
    assert lines == [(4, "delivery", None), (-2, "sold", str(made.id)), (5, "initial stock", None)]
    assert first["items"][0]["actor_id"] == str(shop.seller)
    for headers, status in (({}, 401), (bearer(new_id()), 403), (bearer(new_id(), "seller"), 404)):
        assert (await shop.client.get(path, headers=headers)).status_code == status
