import asyncio
from datetime import UTC, datetime

import pytest

from common.events import new_id
from common.testing import bearer

FIELDS = {
    *("id", "seller_id", "kind", "status", "active", "name", "slug", "sku", "description", "price", "regular_price"),
    *("prices", "stock", "variants", "category", "tags", "images", "thumbnail", "licence", "min_quantity"),
    *("max_quantity", "low_stock", "download_limit", "download_days", "metadata", "version", "created_at"),
    *("updated_at", "files"),
}
BODY = {"kind": "physical", "name": "A mug", "price": {"amount": 1000, "currency": "USD"}}


def keyed(headers, key=None):
    return headers | {"Idempotency-Key": key or str(new_id())}


async def test_a_new_product_is_shown_to_everybody_and_told(shop):
    given = {
        "description": "Blue.\nWarm.",
        "stock": 7,
        "category": "Kitchen",
        "tags": ["blue"],
        "images": ["https://img.example/mug.png?tr=w-100"],
        "metadata": {"sku": "M-1"},
    }
    made = await shop.product(**given)
    assert set(made) == FIELDS
    assert {name: made[name] for name in given} == given
    assert (made["kind"], made["active"], made["version"]) == ("physical", True, 1)
    assert made["price"] == {"amount": 1000, "currency": "USD"}
    assert datetime.fromisoformat(made["created_at"]).tzinfo == UTC
    shown = await shop.client.get(f"/products/{made['id']}")
    assert (shown.status_code, shown.json()) == (200, made)
    ((_, told),) = await shop.told("product.created")
    expected = {"product_id": made["id"], "version_number": 1, "kind": "physical", "name": "A mug", "active": True}
    assert expected.items() <= told.items()
    assert told["seller_id"] == str(shop.seller)
    assert told["images"] == given["images"]
    assert told["price"] == {"amount": 1000, "currency": "USD"}
    await shop.check_books()


async def test_the_smallest_product_is_unlimited_and_bare(shop):
    made = await shop.product(kind="digital", amount=0)
    assert [made[name] for name in ("stock", "category", "tags", "images", "metadata", "description")] == [
        *(None, None, [], [], {}, ""),
    ]


@pytest.mark.parametrize(("roles", "status"), [(None, 401), ([], 403), (["support"], 403), (["admin"], 201)])
async def test_only_sellers_and_administrators_put_products_up(shop, roles, status):
    headers = {} if roles is None else bearer(new_id(), *roles)
    answer = await shop.client.post("/products", json=BODY, headers=headers)
    assert answer.status_code == status


async def test_the_same_key_puts_up_one_product(shop):
    headers = keyed(shop.headers, "once")
    first = await shop.client.post("/products", json=BODY, headers=headers)
    again = await shop.client.post("/products", json=BODY, headers=headers)
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await shop.client.post("/products", json=BODY | {"name": "Other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await shop.told("product.created")) == 1


async def test_the_list_pages_newest_first_without_gaps(shop):
    ids = [(await shop.product())["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = (await shop.client.get("/products", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        assert all(set(item) == FIELDS for item in page["items"])
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]


async def test_the_list_is_narrowed_by_kind_category_and_seller(shop):
    mug = await shop.product(category="50% _\\' OR 1=1")
    picture = await shop.product(kind="digital", category="Art")
    body = BODY | {"category": "Art"}
    other = new_id()
    theirs = (await shop.client.post("/products", json=body, headers=bearer(other, "seller"))).json()
    wanted = {
        "kind=digital": [picture],
        "kind=credits": [],
        "category=Art": [theirs, picture],
        "category=50%25 _%5C%27 OR 1=1": [mug],
        "category=%25": [],
        f"seller={other}": [theirs],
        f"seller={shop.seller}&category=Art&kind=digital": [picture],
        "": [theirs, picture, mug],
    }
    for query, products in wanted.items():
        items = (await shop.client.get(f"/products?{query}")).json()["items"]
        assert [item["id"] for item in items] == [product["id"] for product in products], query
    categories = (await shop.client.get("/categories")).json()
    counted = [(category["path"], category["products"], category["total"]) for category in categories["items"]]
    assert counted == [("50% _\\' OR 1=1", 1, 1), ("Art", 2, 2)]


async def test_a_change_takes_over_what_was_given_and_tells(shop):
    made = await shop.product(category="Art", tags=["a"], metadata={"a": "b"})
    path = f"/products/{made['id']}"
    changes = {"name": "A cup", "category": None, "metadata": {"c": "d"}, "price": {"amount": 5, "currency": "EUR"}}
    answer = await shop.client.patch(path, json=changes, headers=shop.headers)
    assert answer.status_code == 200
    now_is = answer.json()
    assert now_is == made | changes | {
        "regular_price": changes["price"],
        "version": 2,
        "updated_at": now_is["updated_at"],
    }
    assert now_is["updated_at"] > made["updated_at"]
    ((_, told),) = await shop.told("product.updated")
    assert (told["version_number"], told["name"], told["price"]) == (2, "A cup", {"amount": 5, "currency": "EUR"})
    prices = await shop.sql("SELECT amount, currency, valid_to FROM product_prices ORDER BY valid_from")
    assert [(p["amount"], p["currency"], p["valid_to"] is None) for p in prices] == [
        (1000, "USD", False),
        (5, "EUR", True),
    ]


async def test_what_changes_nothing_tells_nothing(shop):
    made = await shop.product()
    for changes in ({}, {"name": made["name"], "price": made["price"]}):
        answer = await shop.client.patch(f"/products/{made['id']}", json=changes, headers=shop.headers)
        assert (answer.status_code, answer.json()) == (200, made)
    assert await shop.told("product.updated") == []


async def test_changes_side_by_side_all_count(shop):
    made = await shop.product()
    path = f"/products/{made['id']}"
    prices = [{"price": {"amount": amount, "currency": "USD"}} for amount in range(1, 9)]
    answers = await asyncio.gather(*(shop.client.patch(path, json=p, headers=shop.headers) for p in prices))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert (await shop.show(made))["version"] == 9
    told = await shop.told("product.updated")
    assert sorted(data["version_number"] for _, data in told) == list(range(2, 10))
    assert len(await shop.sql("SELECT id FROM product_prices WHERE valid_to IS NULL")) == 1


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [("PATCH", "", {"name": "Mine"}), ("DELETE", "", None), ("POST", "/stock", {"delta": 1, "reason": "mine"})],
)
async def test_only_the_seller_and_administrators_change_a_product(shop, method, tail, body):
    made = await shop.product(stock=1)

    async def ask(headers, product_id=made["id"]):
        path = f"/products/{product_id}{tail}"
        return (await shop.client.request(method, path, json=body, headers=keyed(headers))).status_code

    assert await ask({}) == 401
    assert await ask(bearer(shop.seller)) == 403
    assert await ask(bearer(new_id(), "seller")) == 404
    assert await ask(shop.headers, new_id()) == 404
    assert await ask(bearer(new_id(), "admin")) in {200, 201, 204}


async def test_an_archived_product_is_gone_but_for_its_seller_and_administrators(shop):
    made = await shop.product(category="Art")
    path = f"/products/{made['id']}"
    for _ in range(2):
        assert (await shop.client.delete(path, headers=shop.headers)).status_code == 204
    assert await shop.told("product.archived") == [
        ("product.archived", {"product_id": made["id"], "version_number": 2}),
    ]
    for headers, status in (
        ({}, 404),
        (bearer(new_id(), "seller"), 404),
        (shop.headers, 200),
        (bearer(new_id(), "admin"), 200),
    ):
        assert (await shop.client.get(path, headers=headers)).status_code == status
    assert (await shop.client.get("/products", headers=shop.headers)).json()["items"] == []
    assert (await shop.client.get("/categories")).json()["items"] == []
    answer = await shop.client.patch(path, json={"name": "Back"}, headers=shop.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "product_no_longer_sold")
    await shop.check_books()


async def count(shop, product, delta, key=None, reason="counted"):
    path, body = f"/products/{product['id']}/stock", {"delta": delta, "reason": reason}
    return await shop.client.post(path, json=body, headers=keyed(shop.headers, key))


async def test_counting_writes_the_journal_once_per_key(shop):
    mug = await shop.product(stock=5)
    first = await count(shop, mug, 3, key="k")
    assert (first.status_code, first.json()["stock"], first.json()["delta"]) == (201, 8, 3)
    assert (await count(shop, mug, 3, key="k")).content == first.content
    assert (await count(shop, mug, -8, reason="broken")).json()["stock"] == 0
    rows = await shop.sql("SELECT delta, reason, actor_id FROM stock_entries ORDER BY id")
    assert [(row["delta"], row["reason"]) for row in rows] == [(5, "initial stock"), (3, "counted"), (-8, "broken")]
    assert {row["actor_id"] for row in rows} == {shop.seller}
    await shop.check_books()


async def test_what_is_reserved_cannot_be_counted_out(shop, order):
    mug = await shop.product(stock=5)
    await shop.one.hear(order((mug, 3)).created())
    answer = await count(shop, mug, -3)
    assert (answer.status_code, answer.json()["code"], answer.json()["free"]) == (409, "stock_too_low", 2)
    assert (await count(shop, mug, -2)).status_code == 201
    await shop.check_books()


async def test_unlimited_stock_is_not_counted(shop):
    answer = await count(shop, await shop.product(), 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "stock_is_unlimited")


async def test_buyers_see_their_own_downloads(shop, order):
    picture = await shop.product(kind="digital", name="Sunset")
    made, other = order((picture, 1), (picture, 1)), order((picture, 1))
    await shop.one.hear(made.created(), made.paid(), other.created(), other.paid())
    await shop.one.hear(made.refunded(made.lines[0]))
    assert (await shop.client.get("/downloads")).status_code == 401
    headers = bearer(made.user)
    first = (await shop.client.get("/downloads?limit=1", headers=headers)).json()
    rest = (await shop.client.get(f"/downloads?limit=1&cursor={first['next_cursor']}", headers=headers)).json()
    items = [*first["items"], *rest["items"]]
    assert rest["next_cursor"] is None
    assert {(item["line_id"], item["revoked"]) for item in items} == {
        (str(made.lines[0].line_id), True),
        (str(made.lines[1].line_id), False),
    }
    assert {"id", "order_id", "line_id", "product_id", "name", "created_at", "revoked"} < set(items[0])
    assert {item["name"] for item in items} == {"Sunset"}
    answer = await shop.client.get(f"/downloads?cursor={first['next_cursor']}", headers=bearer(other.user))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_the_api_describes_itself(shop):
    described = shop.one.service.app.openapi()
    operations = [(path, method) for path, methods in described["paths"].items() for method in methods]
    assert len(operations) > 12
    for path, method in operations:
        assert described["paths"][path][method]["summary"]
