"""Prices in several currencies and for a time."""

from datetime import timedelta

import pytest

from common.db import now


def usd(amount):
    return {"amount": amount, "currency": "USD"}


def planned(amount, begin=None, end=None, currency="USD"):
    times = {"valid_from": begin, "valid_to": end}
    return {"amount": amount, "currency": currency} | {name: time and time.isoformat() for name, time in times.items()}


async def change(shop, product, **changes):
    answer = await shop.client.patch(f"/products/{product['id']}", json=changes, headers=shop.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_product_costs_something_in_each_of_its_currencies(shop, order):
    mug = await shop.product(prices=[planned(900, currency="EUR"), planned(150, currency="JPY")])
    assert [(price["amount"], price["currency"]) for price in mug["prices"]] == [(900, "EUR"), (150, "JPY")]
    ((_, told),) = await shop.told("product.created")
    assert sorted((price["currency"], price["amount"]) for price in told["prices"]) == [
        ("EUR", 900),
        ("JPY", 150),
        ("USD", 1000),
    ]
    in_yen = order((mug | {"price": {"amount": 150, "currency": "JPY"}}, 1), total_currency="JPY")
    in_pounds = order((mug | {"price": {"amount": 800, "currency": "GBP"}}, 1), total_currency="GBP")
    await shop.one.hear(in_yen.created(), in_pounds.created())
    assert len(await shop.told("stock.reserved")) == 1
    ((_, refused),) = await shop.told("stock.rejected")
    assert refused["reason"] == "currency_mismatch"


async def test_a_planned_price_begins_and_ends_by_itself(shop, order):
    begin = now() + timedelta(seconds=0.6)
    end = begin + timedelta(seconds=0.8)
    mug = await shop.product(prices=[planned(700, begin, end)])
    assert (mug["price"], mug["regular_price"]) == (usd(1000), usd(1000))
    assert await shop.one.work_loops("turning prices") == 0
    for moment, price, version in ((begin, usd(700), 2), (end, usd(1000), 3)):
        await shop.until_time(moment)
        await shop.one.work_loops("turning prices")
        shown = await shop.show(mug)
        assert (shown["price"], shown["regular_price"], shown["version"]) == (price, usd(1000), version)
    told = [data["price"] for _, data in await shop.told("product.updated")]
    assert told == [usd(700), usd(1000)]
    rows = await shop.sql("SELECT amount, valid_from, valid_to FROM product_prices ORDER BY valid_from")
    assert [row["amount"] for row in rows] == [1000, 700, 1000]
    assert [row["valid_to"] for row in rows] == [rows[1]["valid_from"], rows[2]["valid_from"], None]
    assert await shop.sql("SELECT 1 FROM products WHERE prices_turn_at IS NOT NULL") == []


async def test_a_price_that_has_just_turned_still_holds_for_orders_made_before(shop, order):
    mug = await shop.product(prices=[planned(700, None, now() + timedelta(seconds=0.3))])
    assert mug["price"] == usd(700)
    made = order((mug, 1))
    await shop.until_time(now() + timedelta(seconds=0.4))
    await shop.one.work_loops("turning prices")
    assert (await shop.show(mug))["price"] == usd(1000)
    await shop.one.hear(made.created())
    assert len(await shop.told("stock.reserved")) == 1


async def test_prices_are_changed_whole_and_one_by_one(shop):
    mug = await shop.product(prices=[planned(900, currency="EUR")])
    changed = await change(shop, mug, price=usd(1200))
    assert (changed["price"], [price["currency"] for price in changed["prices"]]) == (usd(1200), ["EUR"])
    changed = await change(shop, mug, prices=[])
    assert (changed["price"], changed["prices"]) == (usd(1200), [])
    current = await shop.sql("SELECT amount, currency FROM product_prices WHERE valid_to IS NULL")
    assert current == [usd(1200)]
    listed = await shop.sql("SELECT amount, currency FROM listed_prices")
    assert listed == [usd(1200)]


@pytest.mark.parametrize(
    ("prices", "code"),
    [
        ([planned(1)], "prices_overlap"),
        ([planned(1, currency="EUR"), planned(2, currency="EUR")], "prices_overlap"),
        ([planned(1, now() + timedelta(days=2), now() + timedelta(days=1))], "price_without_time"),
        ([{"amount": -1, "currency": "EUR"}], None),
        ([{"amount": 1, "currency": "eur"}], None),
        ([{"amount": 1, "currency": "EUR", "valid_from": "tomorrow"}], None),
        ([{"amount": 1, "currency": "EUR", "valid_from": "2026-01-01T00:00:00"}], None),
    ],
)
async def test_prices_that_contradict_each_other_are_refused(stall, prices, code):
    body = {"kind": "digital", "name": "A", "price": usd(5), "prices": prices}
    answer = await stall.client.post("/products", json=body, headers=stall.headers)
    assert answer.status_code == 422
    assert code in {None, answer.json()["code"]}
