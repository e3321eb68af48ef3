"""A shop to look at, made through the API: a seller, a dozen products in four currencies, and at last a customer."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from souk.client import ApiError, Client, Json
from souk.pictures import upload

SELLER: Final = ("Sara Seller", "seller@souk.test", "sell-me-a-picture")
CUSTOMER: Final = ("Carla Customer", "customer@souk.test", "buy-me-a-picture")
_LICENCE: Final = "For private use, and for one publication in print or online. Not to be sold on."

Row = tuple[str, str, int, str, int | None, str]
# kind, name, amount in minor units, currency, stock, category
_PRODUCTS: Final[tuple[Row, ...]] = (
    ("digital", "Dunes at dawn", 2599, "USD", None, "landscape"),
    ("digital", "Harbour in fog", 1999, "USD", None, "landscape"),
    ("digital", "Old town from above", 4900, "USD", None, "city"),
    ("digital", "Monsoon market", 149900, "INR", None, "city"),
    ("digital", "Tea pickers", 99900, "INR", None, "people"),
    ("digital", "Snow monkeys", 2800, "JPY", None, "animals"),
    ("digital", "Falcon in flight", 4500, "KWD", None, "animals"),
    ("physical", "Dunes at dawn, signed print (seven left)", 18900, "USD", 7, "prints"),
    ("physical", "Harbour mug", 1600, "USD", 250, "objects"),
    ("physical", "Monsoon market poster", 89900, "INR", 120, "prints"),
    ("physical", "Snow monkeys tea towel", 3200, "JPY", 80, "objects"),
    ("physical", "Falcon print on canvas", 42500, "KWD", 25, "prints"),
)


async def seed(client: Client, admin: tuple[str, str]) -> bool:
    """Make the demo shop, or what is missing of it, unless its customer is there already; say whether it was new."""
    with suppress(ApiError):
        await client.login(*CUSTOMER[1:])
        return False
    await _register(client, SELLER)
    await _make_seller(await client.login(*admin))
    await _furnish(await client.login(*SELLER[1:]))
    await _register(client, CUSTOMER)
    return True


async def _furnish(seller: Client) -> None:
    """Put up what is missing; who buys a picture gets its file, and what is printed with it shows the same."""
    listed = await seller.get("/products", params={"limit": "100", "status": "all"})
    there = {product["name"]: product for product in listed["items"]}
    missing = [product for product in _PRODUCTS if product[1] not in there]
    pictures = [name for kind, name, *_ in missing if kind == "digital"]
    assets = dict(zip(pictures, await asyncio.gather(*(upload(seller, name) for name in pictures)), strict=True))
    for product in sorted(missing, key=lambda product: product[0] != "digital"):
        there[product[1]] = await _sell(seller, product, assets.get(product[1]), there)


async def _register(client: Client, person: tuple[str, str, str]) -> None:
    try:
        await client.register(*person)
    except ApiError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise


async def _make_seller(admin: Client) -> None:
    users = await admin.get("/users", params={"limit": "100"})
    (seller,) = [user for user in users["items"] if user["email"] == SELLER[1]]
    await admin.patch(f"/users/{seller['id']}", {"roles": ["customer", "seller"]})


async def _sell(seller: Client, row: Row, asset: Json | None, there: Mapping[str, Json]) -> Json:
    kind, name, amount, currency, stock, category = row
    body: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "description": f"{name}. One of the pictures and things of the demo shop.",
        "price": {"amount": amount, "currency": currency},
        "stock": stock,
        "category": category,
        "tags": [category, kind],
    }
    if asset is None:
        body["images"] = _printed(name, there)
    else:
        body |= {"files": [asset["id"]], "licence": _LICENCE, "download_limit": 5, "download_days": 365}
    return await seller.post("/products", body, key="seed-" + re.sub(r"\W+", "-", name))


def _printed(name: str, there: Mapping[str, Json]) -> list[str]:
    """Return the pictures of the product whose picture is on this one."""
    subject = name.split(maxsplit=1)[0]
    return next((it["images"] for other, it in there.items() if other != name and other.startswith(subject)), [])
