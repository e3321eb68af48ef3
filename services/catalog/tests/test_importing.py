"""Many products at once, each known by its sku."""

import pytest

from common.events import new_id
from common.testing import bearer

USD = {"amount": 1000, "currency": "USD"}


def line(sku, **more):
    return {"sku": sku, "kind": "physical", "name": f"Thing {sku}", "price": USD} | more


async def send(shop, *products, headers=None, **more):
    body = {"products": list(products), **more}
    return await shop.client.post("/products/batch", json=body, headers=headers or shop.headers)


async def states(shop, *products, **more):
    answer = await send(shop, *products, **more)
    assert answer.status_code == 200, answer.text
    return [result["state"] for result in answer.json()["results"]]


async def lanes(shop):
    return {row["lane"] for row in await shop.sql("SELECT DISTINCT lane FROM outbox WHERE type LIKE 'product.%'")}


async def test_products_are_put_up_changed_or_left_alone(shop):
    goods = [
        line(f"S-{n}", stock=n, category="A/B", tags=["t"], prices=[{"amount": 5, "currency": "EUR"}]) for n in range(5)
    ]
    assert await states(shop, *goods) == ["created"] * 5
    assert await states(shop, *goods) == ["unchanged"] * 5
    goods[1] |= {"name": "Else", "stock": 99}
    goods[2] |= {"price": {"amount": 7, "currency": "USD"}}
    assert await states(shop, *goods, line("S-9")) == [
        *("unchanged", "updated", "updated"),
        *("unchanged",) * 2,
        "created",
    ]
    items = {item["sku"]: item for item in (await shop.client.get("/products")).json()["items"]}
    assert (items["S-1"]["name"], items["S-1"]["stock"], items["S-2"]["price"]["amount"]) == ("Else", 1, 7)
    assert len(await shop.told("product.created")) == 6
    assert len(await shop.told("product.updated")) == 2
    assert await lanes(shop) == {1}
    await shop.check_books()


async def test_a_broken_line_is_named_and_does_not_stop_the_rest(shop):
    await shop.product(slug="taken")
    answer = await send(
        shop,
        line("A"),
        line("B", price={"amount": -1, "currency": "USD"}),
        {"sku": "C"},
        line("D", slug="taken"),
        line("E", colour="red"),
        line("F", min_quantity=3, max_quantity=2),
        {"name": "no sku", "kind": "digital", "price": USD},
        line("G", prices=[{"amount": 1, "currency": "USD"}]),
        line("H"),
        line("H", name="Other"),
    )
    results = answer.json()["results"]
    told = [(result["state"], [(e["pointer"], e["code"]) for e in result["errors"]]) for result in results]
    assert [state for state, _ in told] == ["created", *["refused"] * 7, "refused", "created"]
    assert ("#/price/amount", "greater_than_equal") in told[1][1]
    assert {pointer for pointer, _ in told[2][1]} >= {"#/kind", "#/name"}
    assert told[3][1] == [("#", "slug_taken")]
    assert told[4][1] == [("#/colour", "unknown_field")] or told[4][1][0][0] == "#/colour"
    assert told[6][1] == [("#/sku", "missing")]
    assert told[7][1] == [("#", "prices_overlap")]
    assert told[8][1] == [("#/sku", "sku_twice")]
    await shop.check_books()


async def test_variants_are_known_by_their_options(shop):
    sizes = [{"options": {"size": size}, "price": USD, "stock": 3} for size in ("S", "M")]
    shirt = {"sku": "T", "kind": "physical", "name": "Shirt", "variants": sizes}
    assert await states(shop, shirt) == ["created"]
    assert await states(shop, shirt) == ["unchanged"]
    before = (await shop.client.get("/products/shirt")).json()["variants"]
    large = {"options": {"size": "L"}, "price": USD, "stock": 1}
    assert await states(shop, shirt | {"variants": [*sizes, large]}) == ["updated"]
    after = (await shop.client.get("/products/shirt")).json()["variants"]
    assert [variant["id"] for variant in after[:2]] == [variant["id"] for variant in before]
    assert [variant["stock"] for variant in after] == [3, 3, 1]
    await shop.check_books()


async def test_a_dry_run_says_what_would_be_and_changes_nothing(shop):
    assert await states(shop, line("A"), line("A2", stock=-1), dry_run=True) == ["created", "refused"]
    assert (await shop.client.get("/products")).json()["items"] == []
    assert await shop.told("product.created") == []
    assert await shop.sql("SELECT 1 FROM categories") == []


async def test_each_seller_imports_his_own_and_administrators_anybodys(shop):
    assert await states(shop, line("A")) == ["created"]
    other = bearer(new_id(), "seller")
    assert await states(shop, line("A"), headers=other) == ["created"]
    answer = await send(shop, line("A"), headers=other, seller_id=str(shop.seller))
    assert answer.status_code == 403
    admin = bearer(new_id(), "admin")
    assert await states(shop, line("A"), headers=admin, seller_id=str(shop.seller)) == ["unchanged"]
    for headers, status in (({"Authorization": ""}, 401), (bearer(new_id()), 403)):
        assert (await send(shop, line("A"), headers=headers)).status_code == status


@pytest.mark.parametrize("products", [[], [1], "x", [[]], [line(str(n)) for n in range(501)]])
async def test_what_is_no_batch_is_refused(shop, products):
    answer = await shop.client.post("/products/batch", json={"products": products}, headers=shop.headers)
    assert answer.status_code == 422


async def test_a_batch_of_new_products_takes_as_many_statements_as_one(shop, counted):
    found = []
    async with counted(shop.one) as seen:
        for size in (1, 50):
            seen.clear()
            assert await states(shop, *(line(f"{size}-{n}", stock=1) for n in range(size))) == ["created"] * size
            found.append(len(seen))
    assert found[1] <= found[0] + 8, found
