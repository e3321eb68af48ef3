"""One way to pay, alone with the stand-ins behind a real server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from sandbox.main import Sandbox, SandboxSettings

from .ways import (
    RAZORPAY_ID,
    RAZORPAY_SECRET,
    RAZORPAY_WEBHOOKS,
    STRIPE_SECRET,
    WAYS,
    Checkout,
    Intent,
    Letterbox,
    RazorpayWay,
    Way,
)

MakeWay = Callable[[type[Way]], Awaitable[Way]]


@pytest_asyncio.fixture
async def make_way(street, tmp_path) -> AsyncIterator[MakeWay]:
    """`await make_way(Intent)`: a way to pay, alone with the stand-ins."""
    letters = Letterbox()
    target = f"{street.url}/letters"
    sandbox = Sandbox(
        SandboxSettings(
            state_file=tmp_path / "sandbox.db",
            webhook_targets={"stripe": target, "razorpay": target},
            webhook_secrets={"stripe": STRIPE_SECRET, "razorpay": RAZORPAY_WEBHOOKS},
            api_keys={"razorpay": f"{RAZORPAY_ID}:{RAZORPAY_SECRET}"},
            public_url=f"{street.url}/sandbox",
            settle_after=0.2,
        )
    )
    await sandbox.start()
    street.sandbox, street.shop = sandbox.app, letters
    made: list[Way] = []

    async def make(kind: type[Way]) -> Way:
        made.append(kind(street, letters))
        return made[-1]

    yield make
    for adapter in (adapter for way in made for adapter in way.adapters):
        await adapter.disconnect()
    await sandbox.stop()


@pytest_asyncio.fixture(params=WAYS.values(), ids=WAYS.keys())
async def way(make_way: MakeWay, request: pytest.FixtureRequest) -> Way:
    """Each way to pay in turn."""
    return await make_way(request.param)


@pytest_asyncio.fixture
async def intent(make_way: MakeWay) -> Way:
    return await make_way(Intent)


@pytest_asyncio.fixture
async def checkout(make_way: MakeWay) -> Way:
    return await make_way(Checkout)


@pytest_asyncio.fixture
async def razorpay(make_way: MakeWay) -> Way:
    return await make_way(RazorpayWay)


@pytest.fixture
def instead(street) -> Callable[[ASGIApp], Any]:
    """`with instead(app):` has this app answer in place of the provider."""

    @asynccontextmanager
    async def put(app: ASGIApp) -> AsyncIterator[None]:
        before, street.sandbox = street.sandbox, app
        yield
        street.sandbox = before

    return put
