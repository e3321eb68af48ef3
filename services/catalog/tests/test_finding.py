"""Finding products: words, filters, sorts, pages that neither skip nor repeat, and answers that need not be sent."""

import asyncio

import pytest

from common.db import fetch
from common.events import new_id
from common.testing import bearer


async def names(shop, query="", headers=None):
    answer = await shop.client.get(f"/products?{query}", headers=headers or {})
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def every_page(shop, query):
    seen, cursor = [], ""
    while True:
        page = (await shop.client.get(f"/products?{query}{cursor}")).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            return seen
        cursor = f"&cursor={page['next_cursor']}"


async def test_words_are_found_in_name_tags_sku_and_description(shop):
    await shop.product(name="Dunes at dawn", tags=["Desert Light"], description="Sand, as far as one can see.")
    await shop.product(name="Über-Café", sku="CAF-77")
    for query, found in {
        "dawn": ["Dunes at dawn"],
        "DUNES desert": ["Dunes at dawn"],
        "sand light": ["Dunes at dawn"],
        "uber cafe": ["Über-Café"],
        "ÜBER": ["Über-Café"],
        "caf 77": ["Über-Café"],
        "dunes cafe": [],
        "see as": ["Dunes at dawn"],
    }.items():
        assert await names(shop, f"q={query}") == found, query


async def test_the_last_word_may_be_the_beginning_of_one(shop):
    await shop.product(name="Harbour in fog")
    for query, found in {"har": 1, "harbour i": 1, "harbour in f": 1, "harb fog": 0, "arbour": 0}.items():
        assert len(await names(shop, f"q={query}")) == found, query


@pytest.mark.parametrize(
    "query", ["'", "!", "a:*%26b", "<->", "%5C", "%22 OR 1", "(", "fog:", "%00".replace("%00", "%7F"), "☃"]
)
async def test_no_search_is_an_error_and_none_is_a_query_language(stall, query):
    answer = await stall.client.get(f"/products?q={query}")
    assert answer.status_code in {200, 422}
    if answer.status_code == 200:
        assert answer.json()["items"] == []


async def test_what_is_in_the_name_comes_first(shop):
    await shop.product(name="Mug", description="fog")
    await shop.product(name="Fog")
    await shop.product(name="Print", tags=["fog"])
    assert await names(shop, "q=fog") == ["Fog", "Print", "Mug"]
    assert await names(shop, "q=fog&sort=oldest") == ["Mug", "Fog", "Print"]


async def test_lists_are_narrowed_by_tag_stock_and_price(shop):
    await shop.product(name="A", tags=["x", "y"], stock=0, amount=100)
    await shop.product(name="B", tags=["y"], stock=2, amount=200)
    euro = [{"amount": 150, "currency": "EUR"}]
    await shop.product(name="C", amount=300, prices=euro)
    for query, found in {
        "tag=y": ["B", "A"],
        "tag=x": ["A"],
        "tag=X": [],
        "in_stock=true": ["C", "B"],
        "in_stock=false": ["C", "B", "A"],
        "currency=USD&price_min=150": ["C", "B"],
        "currency=USD&price_max=200": ["B", "A"],
        "currency=EUR": ["C"],
        "currency=EUR&price_min=151": [],
        "currency=USD&sort=price": ["A", "B", "C"],
        "currency=USD&sort=-price": ["C", "B", "A"],
        "sort=name": ["A", "B", "C"],
        "sort=-name": ["C", "B", "A"],
        "sort=oldest&tag=y&in_stock=true": ["B"],
    }.items():
        assert await names(shop, query) == found, query


@pytest.mark.parametrize(
    "query",
    [
        *("sort=price", "price_min=1", "sort=relevance", "sort=cheapest", "price_min=-1&currency=USD"),
        *("price_max=1.5&currency=USD", "in_stock=yes", "in_stock=1", "currency=usd", "tag=", "status=sold"),
        *(
            "tag=a&tag=b",
            "category=a//b",
            "category=a/b/c/d/e/f",
            "q=" + "x" * 201,
            "price_min=9999999999999&currency=USD",
        ),
    ],
)
async def test_what_cannot_be_asked_is_refused(stall, query):
    answer = await stall.client.get(f"/products?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("sort", ["newest", "oldest", "price", "-price", "name", "-name", "relevance"])
async def test_pages_neither_skip_nor_repeat_whatever_they_are_sorted_by(shop, sort):
    made = [await shop.product(name=f"Fog {n % 3}", amount=100 + n % 2) for n in range(11)]
    query = f"limit=2&sort={sort}&currency=USD&q=fog"
    seen, cursor = [], ""
    while True:
        page = (await shop.client.get(f"/products?{query}{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        await shop.product(name="Fog 1", amount=100)
        if page["next_cursor"] is None or len(seen) > 40:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert {product["id"] for product in made} <= set(seen)


async def test_a_cursor_is_bound_to_sort_and_filters(stall):
    for _ in range(3):
        await stall.product(name="Bound")
    cursor = (await stall.client.get("/products?limit=1&sort=name")).json()["next_cursor"]
    for query in ("limit=1", "limit=1&sort=-name", "limit=1&sort=name&q=bound"):
        answer = await stall.client.get(f"/products?{query}&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_drafts_are_for_their_seller_alone_until_they_are_sold(shop, order):
    draft = await shop.product(name="Soon", status="draft")
    path = f"/products/{draft['id']}"
    assert (draft["status"], draft["active"]) == ("draft", False)
    assert (await shop.client.get(path)).status_code == 404
    assert await names(shop) == []
    assert await names(shop, "status=draft", shop.headers) == ["Soon"]
    assert await names(shop, "status=all", bearer(new_id(), "admin")) == ["Soon"]
    assert await names(shop, "status=all", bearer(new_id(), "seller")) == []
    for headers, status in (({}, 401), (bearer(new_id()), 403)):
        assert (await shop.client.get("/products?status=draft", headers=headers)).status_code == status
    await shop.one.hear(order((draft, 1)).created())
    assert [data["reason"] for _, data in await shop.told("stock.rejected")] == ["not_for_sale"]
    for status in ("active", "draft", "active", "archived"):
        answer = await shop.client.patch(path, json={"status": status}, headers=shop.headers)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert [data["active"] for _, data in await shop.told("product.updated")] == [True, False, True]
    assert len(await shop.told("product.archived")) == 1
    answer = await shop.client.patch(path, json={"status": "active"}, headers=shop.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "product_no_longer_sold")
    await shop.check_books()


async def test_a_product_is_found_by_its_slug(shop):
    made = await shop.product(name="Dunes, at Dawn!")
    same = await shop.product(name="Dunes at dawn")
    given = await shop.product(name="Other", slug="my-own")
    assert (made["slug"], given["slug"]) == ("dunes-at-dawn", "my-own")
    assert same["slug"].startswith("dunes-at-dawn-")
    for product in (made, same, given):
        assert (await shop.client.get(f"/products/{product['slug']}")).json()["id"] == product["id"]
    taken = await shop.client.post(
        "/products",
        json={"kind": "digital", "name": "X", "price": {"amount": 1, "currency": "USD"}, "slug": "my-own"},
        headers=shop.headers,
    )
    assert (taken.status_code, taken.json()["code"]) == (409, "slug_taken")
    answer = await shop.client.patch(f"/products/{made['id']}", json={"slug": "my-own"}, headers=shop.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "slug_taken")
    assert (await shop.product(name="☃"))["slug"] == "product"


async def test_many_of_one_name_at_once_have_slugs_of_their_own(shop):
    made = await asyncio.gather(*(shop.product(name="Same") for _ in range(8)))
    assert len({product["slug"] for product in made}) == 8


async def test_a_sku_is_a_sellers_own(shop):
    body = {"kind": "digital", "name": "X", "price": {"amount": 1, "currency": "USD"}, "sku": "S-1"}
    statuses = [
        (await shop.client.post("/products", json=body, headers=headers)).status_code
        for headers in (shop.headers, shop.headers, bearer(new_id(), "seller"))
    ]
    assert statuses == [201, 409, 201]


async def test_a_list_and_a_product_that_have_not_changed_are_not_sent_again(shop):
    made = await shop.product(stock=3)
    for path in ("/products", f"/products/{made['id']}"):
        first = await shop.client.get(path)
        assert "max-age" in first.headers["cache-control"] or "no-cache" in first.headers["cache-control"]
        for given in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}', "*"):
            again = await shop.client.get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (304, b""), given
        await shop.client.post(
            f"/products/{made['id']}/stock",
            json={"delta": 1, "reason": "found"},
            headers=shop.headers | {"Idempotency-Key": path},
        )
        changed = await shop.client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (changed.status_code, changed.headers["etag"] != first.headers["etag"]) == (200, True)


async def test_if_match_guards_what_others_changed_meanwhile(shop):
    made = await shop.product(stock=3)
    path = f"/products/{made['id']}"
    read = (await shop.client.get(path)).headers["etag"]

    async def rename(name, etag):
        headers = shop.headers | ({"If-Match": etag} if etag else {})
        return await shop.client.patch(path, json={"name": name}, headers=headers)

    await shop.client.post(
        f"{path}/stock", json={"delta": 1, "reason": "found"}, headers=shop.headers | {"Idempotency-Key": "k"}
    )
    first = await rename("One", read)
    assert first.status_code == 200
    for stale in (read, f"W/{first.headers['etag']}", '"nonsense"', ""):
        if stale:
            answer = await rename("Two", stale)
            assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), stale
    assert (await shop.client.delete(path, headers=shop.headers | {"If-Match": read})).status_code == 412
    for good in (first.headers["etag"], "*", None):
        assert (await rename(f"Name {good}", good)).status_code == 200
    assert (await shop.show(made))["name"] == "Name None"


async def test_a_page_takes_one_statement_however_long_and_narrow(shop, counted):
    for n in range(6):
        await shop.product(name=f"Fog {n}", category="A/B", tags=["t"], stock=1)
    for query in ("limit=1", "limit=6", "q=fog&category=A&tag=t&in_stock=true&currency=USD&sort=price"):
        async with counted(shop.one) as seen:
            assert (await shop.client.get(f"/products?{query}")).status_code == 200
        assert len([sql for sql in seen if "SELECT" in sql]) == 1, seen


async def test_the_plans_use_the_indexes(shop):
    """Whatever is asked, the list does not read the whole catalogue."""
    async with shop.one.database.transaction() as session:
        await fetch(session, "SET LOCAL enable_seqscan = off")
        plan = await fetch(session, "EXPLAIN SELECT id FROM products WHERE search @@ to_tsquery('simple', 'fog:*')")
    assert "ix_products_search" in "".join(row[0] for row in plan)
