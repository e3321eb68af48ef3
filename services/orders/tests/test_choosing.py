"""Choosing what to buy: variants, currencies and limits; what was chosen is frozen on the line."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from common.contracts.catalog import ProductArchived, ProductUpdated, Variant
from common.events import new_id
from common.money import Money

Shop = Any  # conftest.Shop, which cannot be imported from here
Json = dict[str, Any]
SMALL, LARGE = new_id(), new_id()


def variant(variant_id: UUID, name: str, *prices: Money) -> Variant:
    """One form in which a product is sold."""
    return Variant(variant_id=variant_id, name=name, prices=list(prices))


def sizes(small: int = 1000, large: int = 3000) -> Json:
    """What a product in two sizes, priced in dollars and euros, says of itself."""
    return {
        "variants": [
            variant(SMALL, "small", Money(small, "USD"), Money(small - 100, "EUR")),
            variant(LARGE, "large", Money(large, "USD")),
        ]
    }


def item(product_id: UUID, variant_id: UUID | None = None, quantity: int = 1) -> Json:
    """Return an item of an order."""
    chosen = {} if variant_id is None else {"variant_id": str(variant_id)}
    return {"product_id": str(product_id), "quantity": quantity, **chosen}


async def choose(shop: Shop, *items: Json, **extra: object) -> Any:
    """Place an order and return the response."""
    return await shop.post({**shop.wish(**extra), "items": list(items)})


async def chosen(shop: Shop, *items: Json, **extra: object) -> Json:
    """Place an order that must be accepted."""
    answer = await choose(shop, *items, **extra)
    assert answer.status_code == 201, answer.text
    order: Json = answer.json()
    return order


async def test_a_variant_is_bought_by_its_id_under_its_name_and_at_its_price(shop: Shop) -> None:
    print_ = await shop.product(1000, **sizes())
    order = await chosen(shop, item(print_, SMALL, 2), item(print_, LARGE))
    assert [(line["variant_id"], line["name"], line["unit_price"]["amount"]) for line in order["items"]] == [
        (str(SMALL), "Dunes at dawn – small", 1000),
        (str(LARGE), "Dunes at dawn – large", 3000),
    ]
    assert order["total"] == {"amount": 5000, "currency": "USD"}
    (told,) = await shop.one.told("order.created")
    assert [line["variant_id"] for line in told.data["lines"]] == [str(SMALL), str(LARGE)]


async def test_lines_of_one_variant_are_added_up_and_those_of_two_are_not(shop: Shop) -> None:
    print_ = await shop.product(1000, **sizes())
    order = await chosen(shop, item(print_, SMALL), item(print_, LARGE, 3), item(print_, SMALL, 4))
    assert [(line["variant_id"], line["quantity"]) for line in order["items"]] == [(str(SMALL), 5), (str(LARGE), 3)]


async def test_who_does_not_name_a_variant_is_told_which_there_are(shop: Shop) -> None:
    print_ = await shop.product(1000, **sizes())
    answer = await choose(shop, item(print_))
    assert (answer.status_code, answer.json()["code"]) == (422, "variant_required")
    assert answer.json()["product_id"] == str(print_)
    assert answer.json()["variant_ids"] == sorted(map(str, (SMALL, LARGE)))


async def test_a_variant_of_nothing_or_of_another_product_is_not_for_sale(shop: Shop) -> None:
    print_, plain = await shop.product(1000, **sizes()), await shop.product()
    for wanted in (item(print_, uuid4()), item(print_, print_), item(plain, SMALL), item(plain, uuid4())):
        answer = await choose(shop, wanted)
        assert answer.status_code in {409, 422}
        assert answer.json()["code"] in {"product_not_for_sale", "variant_required"}
    assert await shop.one.told("order.created") == []


async def test_a_plain_product_is_its_own_variant(shop: Shop) -> None:
    plain = await shop.product()
    order = await chosen(shop, item(plain, plain), item(plain))
    assert [(line["product_id"], line["variant_id"], line["quantity"]) for line in order["items"]] == [
        (str(plain), None, 2)
    ]


async def test_a_variant_no_longer_offered_is_not_for_sale(shop: Shop) -> None:
    print_ = await shop.product(1000, **sizes())
    await shop.product(1000, product_id=print_, version_number=2, variants=sizes()["variants"][:1])
    answer = await choose(shop, item(print_, LARGE))
    assert (answer.status_code, answer.json()["code"]) == (409, "product_not_for_sale")
    assert answer.json()["variant_ids"] == [str(LARGE)]
    assert (await choose(shop, item(print_, SMALL))).status_code == 201


@pytest.mark.parametrize("form", ["x", "", 7, [], "00000000-0000-0000-0000-00000000000G", "0A" * 16])
async def test_a_variant_is_named_by_an_id(shop: Shop, form: object) -> None:
    answer = await choose(shop, {**item(await shop.product()), "variant_id": form})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/items/0/variant_id"


async def test_the_buyer_chooses_among_the_currencies_that_have_a_price(shop: Shop) -> None:
    dune = await shop.product(2599, prices=[Money(2599, "USD"), Money(219_900, "INR")])
    assert (await chosen(shop, item(dune)))["total"] == {"amount": 2599, "currency": "USD"}
    order = await chosen(shop, item(dune, quantity=2), currency="INR")
    assert order["total"] == {"amount": 439_800, "currency": "INR"}
    assert order["items"][0]["unit_price"] == {"amount": 219_900, "currency": "INR"}
    (_, told) = await shop.one.told("order.created")
    assert told.data["total"] == {"amount": 439_800, "currency": "INR"}


async def test_one_currency_serves_products_of_several(shop: Shop) -> None:
    dune = await shop.product(2599, prices=[Money(2599, "USD"), Money(2400, "EUR")])
    mug = await shop.product(900, "EUR")
    assert (await choose(shop, item(dune), item(mug))).json()["code"] == "mixed_currencies"
    order = await chosen(shop, item(dune), item(mug), currency="EUR")
    assert order["total"] == {"amount": 3300, "currency": "EUR"}


async def test_a_currency_in_which_a_product_has_no_price_is_refused_with_those_it_has(shop: Shop) -> None:
    dune = await shop.product(2599, prices=[Money(2599, "USD"), Money(2400, "EUR")])
    print_ = await shop.product(1000, **sizes())
    answer = await choose(shop, item(dune), currency="INR")
    assert (answer.status_code, answer.json()["code"]) == (422, "currency_not_offered")
    assert (answer.json()["product_id"], answer.json()["currencies"]) == (str(dune), ["EUR", "USD"])
    answer = await choose(shop, item(print_, LARGE), currency="EUR")
    assert (answer.json()["code"], answer.json()["currencies"]) == ("currency_not_offered", ["USD"])
    assert (await choose(shop, item(print_, SMALL), currency="EUR")).json()["total"]["amount"] == 900


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "ABC", "", 840, ["USD"]])
async def test_a_currency_is_an_iso_code(shop: Shop, currency: object) -> None:
    answer = await choose(shop, item(await shop.product()), currency=currency)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/currency"


async def test_the_expected_total_guards_the_chosen_currency_too(shop: Shop) -> None:
    dune = await shop.product(2599, prices=[Money(2599, "USD"), Money(2400, "EUR")])
    guard = {"expected_total": {"amount": 2599, "currency": "USD"}}
    answer = await choose(shop, item(dune), currency="EUR", **guard)
    assert (answer.status_code, answer.json()["code"]) == (409, "price_changed")
    assert answer.json()["total"] == {"amount": 2400, "currency": "EUR"}


@pytest.mark.parametrize(("quantity", "status"), [(1, 422), (2, 201), (5, 201), (6, 422)])
async def test_the_seller_limits_how_many_pieces_one_order_has(shop: Shop, quantity: int, status: int) -> None:
    dune = await shop.product(min_quantity=2, max_quantity=5)
    answer = await choose(shop, item(dune, quantity=quantity))
    assert answer.status_code == status
    if status == 422:
        told = answer.json()
        assert (told["code"], told["product_id"]) == ("quantity_out_of_range", str(dune))
        assert (told["min_quantity"], told["max_quantity"]) == (2, 5)


async def test_lines_are_added_up_before_the_limit_is_looked_at(shop: Shop) -> None:
    dune = await shop.product(min_quantity=2, max_quantity=3)
    assert (await choose(shop, item(dune), item(dune))).status_code == 201
    answer = await choose(shop, item(dune, quantity=2), item(dune, quantity=2))
    assert answer.json()["code"] == "quantity_out_of_range"


async def test_without_a_limit_many_can_be_bought(shop: Shop) -> None:
    assert (await choose(shop, item(await shop.product(100), quantity=10_000))).status_code == 201


async def frozen(shop: Shop, order: Json) -> Json:
    """Return the one line of an order as its row and the paid order's fact have it."""
    (paid,) = await shop.one.told("order.paid")
    (line,) = paid.data["lines"]
    shown = (await shop.show(order))["items"][0]
    assert {name: shown[name] for name in ("variant_id", "name", "quantity")} == {
        name: line[name] for name in ("variant_id", "name", "quantity")
    }
    found: Json = line
    return found


async def test_an_edit_between_placing_and_paying_changes_nothing(shop: Shop) -> None:
    dune = await shop.product(1000, licence="One print, no resale.", min_quantity=1, max_quantity=9, **sizes())
    order = await chosen(shop, item(dune, SMALL, 3))
    await shop.reserve(order)
    dearer = {"min_quantity": 5, "max_quantity": 6, "licence": "No rights at all.", "seller_id": uuid4()}
    await shop.product(
        *(9999, "EUR"),
        **{"product_id": dune, "version_number": 2, "name": "Another name", "images": [], **dearer},
        variants=[variant(LARGE, "huge", Money(9999, "EUR"))],
    )
    await shop.one.hear(ProductArchived(product_id=dune, version_number=3))
    await shop.one.hear(shop.opened(order), shop.captured(order))
    assert await shop.status(order) == ("paid", "succeeded")
    line = await frozen(shop, order)
    assert line["unit_price"] == {"amount": 1000, "currency": "USD"}
    assert (line["name"], line["quantity"]) == ("Dunes at dawn – small", 3)
    assert (line["variant_id"], line["licence"]) == (str(SMALL), "One print, no resale.")
    assert line["image"] == "https://images.test/dunes.jpg"
    assert (await shop.show(order))["total"] == {"amount": 3000, "currency": "USD"}


async def test_the_seller_of_a_line_is_the_one_it_was_bought_from(shop: Shop) -> None:
    seller = uuid4()
    dune = await shop.product(seller_id=seller)
    order = await shop.awaiting((dune, 1))
    await shop.product(product_id=dune, version_number=2, seller_id=uuid4())
    await shop.one.hear(shop.captured(order))
    async with shop.one.database.reading() as session:
        found = await session.connection()
        rows = (await found.exec_driver_sql("SELECT seller_id FROM sale_entries")).scalars().all()
    assert rows == [seller]


async def test_a_product_told_of_by_an_older_release_can_be_bought(shop: Shop) -> None:
    old = {"product_id": new_id(), "version_number": 1, "kind": "digital", "name": "Old", "active": True}
    fact = ProductUpdated.model_validate({**old, "price": {"amount": 700, "currency": "USD"}, "seller_id": uuid4()})
    await shop.one.hear(fact)
    order = await chosen(shop, item(fact.product_id), currency="USD")
    assert (order["total"]["amount"], order["items"][0]["variant_id"]) == (700, None)
