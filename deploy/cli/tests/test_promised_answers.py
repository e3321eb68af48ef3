"""What a running system answers is what the OpenAPI document promises, through a whole purchase and beside it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from souk.client import ApiError
from souk.demo import pictures, story, ways
from souk.demo.running import open_shop
from souk.demo.shop import Shop
from souk.environment import Addresses, admin_of
from souk.home import Home
from souk.machines.ports import free_port
from souk.onebox import one_process

from .promises import Promises

TEMPO = {"SOUK_PACE": "10", "LOG_LEVEL": "ERROR", "ARGON2_PROFILE": "light"}


@pytest_asyncio.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Home, Addresses]]:
    home = Home(tmp_path_factory.mktemp("promised")).open()
    environ = {**TEMPO, "INTERNAL_PORT": str(free_port())}
    async with one_process(home, environ, free_port(), lambda _: None) as where:
        yield home, where


@pytest.fixture(scope="module")
def promises() -> Promises:
    return Promises()


@pytest_asyncio.fixture
async def shop(system: tuple[Home, Addresses], promises: Promises) -> AsyncIterator[Shop]:
    home, where = system
    async with httpx2.AsyncClient(timeout=30, event_hooks={"response": [promises.hold]}) as http:
        yield await open_shop(http, where.public, where.sandbox, admin_of(home, {}))


async def test_purchases_are_answered_as_promised(shop: Shop, promises: Promises):
    for scene in (ways.card, ways.page, ways.window, ways.declined, ways.refunded, ways.called_off, story.parcel):
        await scene(shop)
    await pictures.photograph(shop)
    for path in ("/orders", "/payments", "/downloads", "/notifications", "/users/me"):
        await shop.shopper.client.get(path)
    assert promises.kept.keys() >= {
        *("orders_place 201", "orders_show 200", "orders_cancel 200", "orders_refund 201", "orders_ship 200"),
        *("payments_verify_payment 200", "payments_show_payment 200", "payments_show_payment_page 200"),
        *("assets_issue_token 201", "assets_register_asset 201", "downloads_make_link 200"),
    }


async def test_a_seller_is_answered_as_promised(shop: Shop, promises: Promises):
    category = await shop.admin.post("/categories", {"name": "Maps"})
    body: dict[str, Any] = {"kind": "physical", "name": "Map", "price": {"amount": 900, "currency": "EUR"}, "stock": 3}
    product = await shop.admin.post("/products", body)
    await shop.admin.get(f"/products/{product['id']}")
    await shop.admin.patch(f"/products/{product['id']}", {"category": category["path"]})
    await shop.admin.post(f"/products/{product['id']}/stock", {"delta": 4, "reason": "found"})
    await shop.admin.get(f"/products/{product['id']}/stock")
    await shop.admin.patch(f"/categories/{category['id']}", {"name": "Charts"})
    for path in ("/categories", "/users", "/auth/jwks", "/sales"):
        await shop.admin.get(path)
    assert promises.kept["catalog_change_stock 201"]


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/orders", {}, 401),
        ("GET", "/users", {"headers": {"Authorization": "Bearer x.y.z"}}, 401),
        ("GET", "/products", {"params": {"colour": "blue"}}, 422),
        ("GET", "/products/no-such-thing", {}, 404),
        ("POST", "/auth/login", {"content": b"{"}, 415),
        ("POST", "/auth/login", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/auth/login", {"json": {"email": "a@b.example", "password": "wrong"}}, 401),
        ("POST", "/auth/register", {"json": {"name": "", "email": "x", "password": "y"}}, 422),
        ("POST", "/payments/webhooks/stripe", {"content": b"{}"}, 400),
    ],
)
async def test_refusals_are_answered_as_promised(shop: Shop, method, path, options, status):
    base = shop.returning.removesuffix("/payments/return")
    answer = await shop.http.request(method, f"{base}{path}", **options)
    assert answer.status_code == status


async def test_a_customer_who_may_not_is_told_so_as_promised(shop: Shop):
    with pytest.raises(ApiError) as refused:
        await shop.shopper.client.get("/users")
    assert refused.value.status == 403
