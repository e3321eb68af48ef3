"""The closing table: orders, payments and stock side by side; what does not balance is named."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from rich.table import Table

from souk.client import Client, Json
from souk.demo.shop import Shop
from souk.demo.stage import console, money, step

_PAID = frozenset({"paid", "fulfilled"})


async def close(shop: Shop, before: Mapping[str, int | None]) -> list[str]:
    """Print the table and return one sentence per thing that is off."""
    orders = [await shop.shopper.client.get(f"/orders/{order_id}") for order_id in shop.shopper.orders]
    payments = {order["id"]: await _payments(shop.admin, order) for order in orders}
    _show_orders(orders, payments)
    off = [sentence for order in orders for sentence in _off(order, payments[order["id"]])]
    return [*off, *await _stock_off(shop, orders, before)]


async def _payments(admin: Client, order: Json) -> Sequence[Json]:
    """Return an order's payments with their money, the first attempt first."""
    found = (await admin.get("/payments", params={"order_id": order["id"]}))["items"]
    return [await admin.get(f"/payments/{payment['id']}") for payment in reversed(found)]


def _show_orders(orders: Sequence[Json], payments: Mapping[str, Sequence[Json]]) -> None:
    step("The books")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("order", "total", "status", "money", "payments"):
        table.add_column(column, justify="right" if column == "total" else "left", no_wrap=True)
    for order in orders:
        tried = ", ".join(_told(payment) for payment in payments[order["id"]])
        table.add_row(order["number"], money(order["total"]), order["status"], order["payment_status"], tried)
    console.print(table)


def _told(payment: Json) -> str:
    if any(capture["status"] == "surplus" for capture in payment["captures"]):
        return f"{payment['provider']} surplus"
    if payment["status"] != "succeeded":
        return f"{payment['provider']} {payment['status']}"
    return f"{payment['provider']}{', back' if payment['refunds'] else ''}"


def _off(order: Json, payments: Sequence[Json]) -> Iterator[str]:
    captures = [capture for payment in payments for capture in payment["captures"]]
    kept = [capture for capture in captures if capture["status"] == "accepted"]
    ended_with_money = order["status"] in {*_PAID, "refunded"}
    if [capture["amount"] for capture in kept] != [order["total"]] * ended_with_money:
        yield f"order {order['number']} is {order['status']} with {len(kept)} captures of its own"
    back = {refund["capture_ref"]: refund for payment in payments for refund in payment["refunds"]}
    for capture in captures:
        refund = back.get(capture["capture_ref"])
        owed = capture["status"] != "accepted" or order["status"] == "refunded"
        if owed and (refund is None or (refund["status"], refund["amount"]) != ("succeeded", capture["amount"])):
            yield f"order {order['number']}: {money(capture['amount'])} did not go back"
        if refund is not None and not owed:
            yield f"order {order['number']} is {order['status']} though its money went back"


async def _stock_off(shop: Shop, orders: Sequence[Json], before: Mapping[str, int | None]) -> list[str]:
    sold: Counter[str] = Counter()
    for order in orders:
        if order["status"] in {*_PAID, "awaiting_payment", "pending"}:
            sold.update({item["product_id"]: item["quantity"] for item in order["items"]})
    tries = 50  # catalog hears of an order's end a moment after the buyer
    while (off := [sentence async for sentence in _differences(shop, sold, before)]) and (tries := tries - 1):  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)
    return off


async def _differences(shop: Shop, sold: Counter[str], before: Mapping[str, int | None]) -> AsyncIterator[str]:
    for product in shop.products:
        was = before[product["id"]]
        if was is None:
            continue
        now = (await shop.admin.get(f"/products/{product['id']}"))["stock"]
        if now != was - sold[product["id"]]:
            yield f"{product['name']}: {now} pieces left, {was} before, {sold[product['id']]} sold"
