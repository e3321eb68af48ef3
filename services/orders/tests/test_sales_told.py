"""`GET /sales`: who sees what, by days in UTC, added up, in pages that neither skip nor repeat, and as a sheet."""

import csv
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.db import fetch
from common.events import new_id
from common.testing import bearer
from orders.domain import SaleKind
from orders.models import SaleEntry

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]
SELLER = uuid4()
MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


async def ask(shop: Shop, params: Json, *roles: str, user: UUID = SELLER, accept: str | None = None) -> Any:
    """Ask for sales and return the response."""
    headers = bearer(user, *(roles or ("seller",))) | ({"Accept": accept} if accept else {})
    return await shop.one.client.get("/sales", params=params, headers=headers)


async def rows(shop: Shop, *roles: str, user: UUID = SELLER, **params: object) -> list[Json]:
    """Return what is told of sales in March."""
    answer = await ask(shop, MARCH | params, *roles, user=user)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


async def enter(shop: Shop, *entries: Json) -> None:
    """Write entries as other days would have left them; what is not said is a sale of one piece for 10.00."""
    usual = {"kind": SaleKind.SOLD, "quantity": 1, "amount": 1000, "currency": "USD", "variant_id": None}
    usual |= {"seller_id": SELLER, "at": datetime(2026, 3, 10, 12, tzinfo=UTC)}
    async with shop.one.database.transaction() as session:
        for entry in entries:
            ids = {name: new_id() for name in ("product_id", "order_id", "line_id")}
            session.add(SaleEntry(**{**usual, **ids, **entry}))


def at(text: str) -> Json:
    """When an entry was written."""
    return {"at": datetime.fromisoformat(text)}


async def test_a_day_is_a_day_in_utc_whatever_the_zone_of_the_server(shop: Shop) -> None:
    async with shop.one.database.transaction() as session:
        await fetch(
            session,
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO ''Pacific/Auckland''', "
            "current_database()); END $$",
        )
    await shop.one.database.engine.dispose()
    dune = {"product_id": new_id()}
    await enter(
        shop,
        dune | at("2026-03-01T00:00:00+00:00"),
        dune | at("2026-03-01T23:59:59.999999+00:00"),
        dune | at("2026-03-02T05:29:59+05:30"),
        dune | at("2026-03-02T00:00:00+00:00"),
        dune | at("2026-02-28T23:59:59.999999+00:00"),
    )
    async with shop.one.database.reading() as session:
        assert [row[0] for row in await fetch(session, "SHOW timezone")] == ["Pacific/Auckland"]
    assert [(row["day"], row["orders"]) for row in await rows(shop)] == [("2026-03-02", 1), ("2026-03-01", 3)]
    [first] = await rows(shop, **{"from": "2026-03-01", "to": "2026-03-01"})
    assert first["quantity"] == 3


async def test_sales_are_added_up_per_day_and_product_per_day_or_per_product(shop: Shop) -> None:
    dune, mug = await shop.product(name="Dune"), await shop.product(name="Mug")
    order = {"order_id": new_id(), "product_id": dune}
    await enter(
        shop,
        order,
        order | {"quantity": 2, "amount": 2000},
        {"product_id": dune, "kind": "refunded", "quantity": 0, "amount": 300},
        {"product_id": dune, "kind": "downloaded", "amount": 0},
        {"product_id": mug},
        {"product_id": mug} | at("2026-03-11T00:00:00+00:00"),
    )

    def short(found: list[Json]) -> list[tuple[object, ...]]:
        return [
            (
                *(row["day"], row["name"], row["orders"], row["quantity"], row["revenue"]["amount"]),
                *(row["refunded"]["amount"], row["downloads"]),
            )
            for row in found
        ]

    assert short(await rows(shop)) == [
        ("2026-03-11", "Mug", 1, 1, 1000, 0, 0),
        ("2026-03-10", "Mug", 1, 1, 1000, 0, 0),
        ("2026-03-10", "Dune", 1, 3, 3000, 300, 1),
    ]
    by_day = await rows(shop, group_by="day")
    assert short(by_day) == [("2026-03-11", None, 1, 1, 1000, 0, 0), ("2026-03-10", None, 2, 4, 4000, 300, 1)]
    assert {row["product_id"] for row in by_day} == {None}
    by_product = await rows(shop, group_by="product")
    assert short(by_product) == [(None, "Mug", 2, 2, 2000, 0, 0), (None, "Dune", 1, 3, 3000, 300, 1)]
    assert short(await rows(shop, product_id=str(dune))) == [("2026-03-10", "Dune", 1, 3, 3000, 300, 1)]


async def test_currencies_are_never_added_together(shop: Shop) -> None:
    dune = {"product_id": new_id()}
    await enter(shop, dune, dune | {"currency": "JPY", "amount": 150}, dune | {"currency": "EUR", "amount": 900})
    by_product = await rows(shop, group_by="product")
    assert [(row["currency"], row["revenue"]) for row in by_product] == [
        (currency, {"amount": amount, "currency": currency})
        for currency, amount in (("USD", 1000), ("JPY", 150), ("EUR", 900))
    ]
    assert [row["currency"] for row in await rows(shop, currency="JPY")] == ["JPY"]
    assert await rows(shop, currency="INR") == []


async def test_a_seller_sees_his_own_an_administrator_all_or_one_and_nobody_else_anything(shop: Shop) -> None:
    other, dune = uuid4(), new_id()
    await enter(shop, {}, {"seller_id": other, "product_id": dune}, {"seller_id": None})
    assert len(await rows(shop)) == 1
    assert len(await rows(shop, seller=str(SELLER))) == 1
    assert await rows(shop, product_id=str(dune)) == []
    assert len(await rows(shop, "admin", user=uuid4())) == 3
    assert len(await rows(shop, "admin", user=uuid4(), seller=str(other))) == 1
    assert (await ask(shop, {"seller": str(other)})).json()["code"] == "forbidden"
    for role in ("customer", "support"):
        assert (await ask(shop, {}, role)).status_code == 403
    assert (await shop.one.client.get("/sales")).status_code == 401


async def test_the_last_thirty_days_are_told_of_unless_others_are_named(shop: Shop) -> None:
    today = datetime.now(UTC)
    await enter(shop, *({"at": today - timedelta(days=days)} for days in (0, 29, 31)))
    assert len((await ask(shop, {})).json()["items"]) == 2
    assert len((await ask(shop, {"from": (today - timedelta(days=40)).date().isoformat()})).json()["items"]) == 3
    assert (await ask(shop, {"to": "1970-01-02"})).json()["items"] == []


@pytest.mark.parametrize("group_by", [None, "day", "product"])
async def test_pages_neither_skip_nor_repeat_while_more_is_sold(shop: Shop, group_by: str | None) -> None:
    products = [new_id() for _ in range(3)]
    await enter(
        shop,
        *(
            {"product_id": product, "currency": currency, "at": datetime(2026, 3, day, tzinfo=UTC)}
            for product in products
            for currency in ("USD", "EUR")
            for day in (3, 1, 2)
        ),
    )
    asked = MARCH | ({"group_by": group_by} if group_by else {})
    whole = (await ask(shop, asked)).json()["items"]
    seen: list[Json] = []
    cursor = None
    while True:
        page = (await ask(shop, asked | {"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += page["items"]
        if not (cursor := page["next_cursor"]):
            break
        if not group_by:
            await enter(shop, at("2026-03-20T00:00:00+00:00"))
        stolen = await ask(shop, asked | {"cursor": cursor}, user=uuid4())
        assert (stolen.status_code, stolen.json()["code"]) == (422, "bad_cursor")
    assert seen == whole
    assert len(whole) == {None: 18, "day": 6, "product": 6}[group_by]


BAD: list[tuple[Json, str]] = [
    ({"from": "2026-02-30"}, "from"),
    ({"from": "20260301"}, "from"),
    ({"from": "2026-03-01T00:00:00Z"}, "from"),
    ({"from": "1772323200"}, "from"),
    ({"from": "202\u0666-03-01"}, "from"),
    ({"to": "0001-01-01"}, "to"),
    ({"to": "9999-12-31"}, "to"),
    ({"group_by": "week"}, "group_by"),
    ({"product_id": "x"}, "product_id"),
    ({"product_id": str(UUID(int=10)).upper()}, "product_id"),
    ({"seller": "me"}, "seller"),
    ({"currency": "usd"}, "currency"),
    ({"currency": "ABC"}, "currency"),
    ({"format": "xlsx"}, "format"),
    ({"limit": "0"}, "limit"),
    ({"limit": "101"}, "limit"),
    ({"limit": "1e1"}, "limit"),
    ({"cursor": "x" * 1001}, "cursor"),
]


@pytest.mark.parametrize(("params", "pointer"), BAD)
async def test_bad_input_is_named(shop: Shop, params: Json, pointer: str) -> None:
    answer = await ask(shop, params)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"query:{pointer}"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "bad_period"),
        ({"from": "2025-03-01", "to": "2026-03-02"}, "bad_period"),
        ({"from": "8999-12-31"}, "bad_period"),
        ({"from": "1970-01-01"}, "bad_period"),
        ({"first": "2026-03-01"}, "unknown_parameter"),
        ({"from_": "2026-03-01"}, "unknown_parameter"),
        ({"page": "2"}, "unknown_parameter"),
        ({"cursor": "AAAA"}, "bad_cursor"),
        ({"cursor": "%00"}, "bad_cursor"),
        ({"format": "csv", "limit": "10"}, "sheet_not_paged"),
        ({"format": "csv", "cursor": "AAAA"}, "sheet_not_paged"),
    ],
)
async def test_what_cannot_be_told_is_refused_with_its_reason(shop: Shop, params: Json, code: str) -> None:
    answer = await ask(shop, params)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_year_can_be_asked_for_and_so_can_the_last_day_there_is(shop: Shop) -> None:
    for params in ({"from": "2025-03-01", "to": "2026-03-01"}, {"from": "8999-12-01", "to": "8999-12-31"}):
        assert (await ask(shop, params)).status_code == 200


async def test_a_cursor_of_another_view_is_refused(shop: Shop) -> None:
    await enter(shop, {}, {}, {})
    cursor = (await ask(shop, MARCH | {"limit": 1})).json()["next_cursor"]
    for other in ({"group_by": "day"}, {"group_by": "product"}, {"currency": "USD"}, {"to": "2026-03-30"}):
        answer = await ask(shop, MARCH | other | {"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_a_sheet_has_every_row_with_the_decimals_of_its_currency(shop: Shop) -> None:
    mug = await shop.product(name='Mug, "big"\'s – 大')
    await enter(
        shop,
        {"product_id": mug, "amount": 123456},
        {"product_id": mug, "kind": "refunded", "quantity": 0, "amount": -5},
        {"product_id": mug, "amount": 150, "currency": "JPY"},
        {"product_id": mug, "amount": 1500, "currency": "KWD"},
        *(at("2026-03-01T00:00:00+00:00") for _ in range(150)),
    )
    answer = await ask(shop, MARCH | {"format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="sales_2026-03-01_2026-03-31.csv"'
    assert answer.text.startswith("day,product_id,name,currency,orders,quantity,revenue,refunded,downloads\r\n")
    table = list(csv.DictReader(StringIO(answer.text, newline="")))
    assert len(table) == 153
    assert [(row["currency"], row["revenue"], row["refunded"]) for row in table[:3]] == [
        ("USD", "1234.56", "-0.05"),
        ("KWD", "1.500", "0.000"),
        ("JPY", "150", "0"),
    ]
    assert table[0]["name"] == 'Mug, "big"\'s – 大'
    assert table[0] == table[0] | {"day": "2026-03-10", "product_id": str(mug), "orders": "1", "downloads": "0"}


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\uff1d1+1", "\uff20x", '=HYPERLINK("http://x")']
)
async def test_no_name_is_a_formula_in_a_sheet(shop: Shop, name: str) -> None:
    await enter(shop, {"product_id": await shop.product(name=name)})
    [row] = csv.DictReader(StringIO((await ask(shop, MARCH | {"format": "csv"})).text))
    assert row["name"] == f"'{name}"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("TEXT/CSV;q=0.9, application/json;q=0.8", "text/csv"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("text/html, */*", "application/json"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=many", "application/json"),
        (",;=", "application/json"),
    ],
)
async def test_a_client_may_say_by_accept_that_it_wants_a_sheet(shop: Shop, accept: str, kind: str) -> None:
    answer = await ask(shop, MARCH, accept=accept)
    assert answer.headers["content-type"].startswith(kind)
    assert "Accept" in answer.headers["vary"]
    said = await ask(shop, MARCH | {"format": "json"}, accept=accept)
    assert said.headers["content-type"] == "application/json"


async def test_a_sheet_too_long_is_refused_and_not_cut(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await enter(shop, *(at(f"2026-03-{day:02}T00:00:00+00:00") for day in range(1, 5)))
    monkeypatch.setattr(import_module("orders.routes.sales"), "_LONGEST_SHEET", 3)
    answer = await ask(shop, MARCH | {"format": "csv"})
    assert (answer.status_code, answer.json()["code"], answer.json()["most_rows"]) == (422, "sheet_too_long", 3)
    assert (await ask(shop, MARCH | {"format": "csv", "group_by": "day", "to": "2026-03-03"})).status_code == 200
