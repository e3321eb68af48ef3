"""A shop to look at, made through the API: a seller, a customer, a dozen products in four currencies."""

from dataclasses import dataclass
from typing import Any, Final

from souk.client import Client

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


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the shop has."""

    products: int
    fresh: bool


async def seed(client: Client, admin: tuple[str, str]) -> Seeded:
    """Make the demo shop unless it is there already."""
    listed = await client.get("/products", params={"limit": "100"})
    if listed["items"]:
        return Seeded(len(listed["items"]), fresh=False)
    admin_client = await client.login(*admin)
    for name, email, password in (SELLER, CUSTOMER):
        await client.register(name, email, password)
    await _make_seller(admin_client)
    seller = await client.login(*SELLER[1:])
    for product in _PRODUCTS:
        await _sell(seller, product)
    return Seeded(len(_PRODUCTS), fresh=True)


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
    await seller.post("/products", body)
