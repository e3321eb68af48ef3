"""A shop to look at, made through the API: a seller, a dozen products in four currencies, and at last a customer."""

import re
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from souk.client import ApiError, Client

SELLER: Final = ("Sara Seller", "seller@souk.test", "sell-me-a-picture")
CUSTOMER: Final = ("Carla Customer", "customer@souk.test", "buy-me-a-picture")
_IMAGES: Final = "https://images.souk.test"

# kind, name, amount in minor units, currency, stock, category
_PRODUCTS: Final = (
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
    seller = await client.login(*SELLER[1:])
    for product in _PRODUCTS:
        await _sell(seller, product)
    await _register(client, CUSTOMER)
    return True


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


async def _sell(seller: Client, row: tuple[str, str, int, str, int | None, str]) -> None:
    kind, name, amount, currency, stock, category = row
    picture = name.split(",")[0].lower().replace(" ", "-")
    body: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "description": f"{name}. One of the pictures and things of the demo shop.",
        "price": {"amount": amount, "currency": currency},
        "stock": stock,
        "category": category,
        "tags": [category, kind],
        "images": [f"{_IMAGES}/{picture}.jpg"],
    }
    await seller.post("/products", body, key="seed-" + re.sub(r"\W+", "-", name))
