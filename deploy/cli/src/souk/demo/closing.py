"""The closing table: orders, payments and stock side by side; what does not balance is named."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from rich.table import Table

from souk.client import Client, Json
from souk.demo.stage import console, money
from souk.demo.story import Shop

_PAID = frozenset({"paid", "fulfilled"})


async def close(shop: Shop, before: Mapping[str, int | None]) -> list[str]:
    """Print the table and return one sentence per thing that is off."""
    orders = [await shop.shopper.client.get(f"/orders/{order_id}") for order_id in shop.shopper.orders]
    payments = {order["id"]: await _payments(shop.admin, order) for order in orders}
    _show_orders(orders, payments)
    off = [sentence for order in orders for sentence in _off(order, payments[order["id"]])]
    return [*off, *await _stock_off(shop, orders, before)]


async def _payments(admin: Client, order: Json) -> Sequence[Json]:
    found: Sequence[Json] = (await admin.get("/payments", params={"order_id": order["id"]}))["items"]
    return found


def _show_orders(orders: Sequence[Json], payments: Mapping[str, Sequence[Json]]) -> None:
    table = Table(title="\nThe books", title_justify="left")
    for column in ("order", "total", "status", "money", "payments"):
        table.add_column(column, justify="right" if column == "total" else "left")
    for order in orders:
        paid = ", ".join(f"{payment['status']} {money(payment['amount'])}" for payment in payments[order["id"]])
        table.add_row(order["number"], money(order["total"]), order["status"], order["payment_status"], paid)
    console.print(table)


def _off(order: Json, payments: Sequence[Json]) -> list[str]:
    captured = [payment for payment in payments if payment["status"] == "succeeded"]
    if order["status"] in _PAID and [payment["amount"] for payment in captured] != [order["total"]]:
        return [f"order {order['number']} is {order['status']} without exactly one capture of its total"]
    if order["status"] not in _PAID and captured:
        return [f"order {order['number']} is {order['status']} though money was captured for it"]
    return []


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
