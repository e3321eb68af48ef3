"""A real sandbox behind a real server, the official SDK, and a shop that receives webhooks."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import imagekitio
import pytest
import razorpay
import standardwebhooks
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.main import Sandbox, SandboxSettings

SECRET = "whsec_test_secret"
KEY = "sk_test_souk"
LAMP = {"price_data": {"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Lamp <b>"}}, "quantity": 2}
CHECKOUT: dict[str, Any] = {
    "mode": "payment",
    "line_items": [LAMP],
    "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://shop.example/cart",
    "metadata": {"order": "7"},
    "payment_intent_data": {"metadata": {"payment": "9"}},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The official SDK hands its body over in a way the newer httpx2 frowns upon."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"))


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The app behind uvicorn on a free port; yields its address."""
    # With the protocol named asyncio switches Nagle's algorithm off; without it every answer takes 40 ms longer.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@functools.cache
def imagekit() -> imagekitio.ImageKit:
    """The SDK that judges webhooks; it calls nobody."""
    return imagekitio.ImageKit(private_key="none", http_client=imagekitio.DefaultHttpxClient(trust_env=False))


def genuine(body: bytes, request: Request) -> bool:
    """Whether a webhook was signed by its provider, by the judgement of that provider's SDK."""
    try:
        if "webhook-signature" in request.headers:
            return bool(imagekit().webhooks.unwrap(body.decode(), headers=dict(request.headers), key=SECRET))
        if "x-razorpay-signature" in request.headers:
            signature = request.headers["x-razorpay-signature"]
            return bool(razorpay.Utility().verify_webhook_signature(body.decode(), signature, SECRET))
        stripe.WebhookSignature.verify_header(body, request.headers["stripe-signature"], SECRET, 300)
    except (
        stripe.SignatureVerificationError,
        razorpay.errors.SignatureVerificationError,
        standardwebhooks.WebhookVerificationError,
    ):
        return False
    return True


@dataclass
class Shop:
    """Receives webhooks: keeps what is genuine, and answers with the next of `answers` (200 when there is none)."""

    events: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    slowness: float = 0.0
    ids: list[str] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.slowness)
        self.at_once -= 1
        if not genuine(body, request):
            self.forged += 1
            return Response(status_code=400)
        status = self.answers.pop(0) if self.answers else 200
        if status < 300:
            self.bodies.append(body)
            self.events.append(json.loads(body))
            self.ids.append(request.headers.get("x-razorpay-event-id") or request.headers.get("webhook-id", ""))
        return Response(status_code=status)


@dataclass
class World:
    """A running sandbox with all that talks to it."""

    url: str
    sandbox: Sandbox
    shop: Shop
    http: httpx2.AsyncClient
    settings: SandboxSettings
    street: Street

    @functools.cached_property
    def stripe(self) -> stripe.StripeClient:
        return self.client()

    def client(self, **options: Any) -> stripe.StripeClient:
        """A client of the official SDK that does not repeat by itself."""
        backend = self.street.backend(options.pop("timeout", 10))
        options = {"max_network_retries": 0, "base_addresses": {"api": f"{self.url}/sandbox/stripe"}} | options
        return stripe.StripeClient(options.pop("key", KEY), http_client=backend, **options)

    @staticmethod
    async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    async def chaos(self, *rules: dict[str, Any]) -> None:
        answer = await self.http.put("/sandbox/chaos", json=list(rules))
        assert answer.status_code == 200, answer.text

    async def until_delivered(self, state: str = "delivered") -> None:
        """Wait until every delivery has come to this end."""
        async with asyncio.timeout(5):
            while {line["state"] for line in (await self.truth())["webhooks"]} != {state}:
                await asyncio.sleep(0.01)

    async def until_attempted(self) -> None:
        async with asyncio.timeout(5):
            while not (await self.http.get("/sandbox/webhooks")).json():
                await asyncio.sleep(0.01)

    async def truth(self) -> Any:
        return (await self.http.get("/sandbox/truth")).json()["stripe"]

    async def intent(self, **more: Any) -> stripe.PaymentIntent:
        return await self.stripe.v1.payment_intents.create_async({"amount": 2000, "currency": "usd", **more})

    async def paid(self, method: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
        return await self.intent(confirm=True, payment_method=method, **more)

    async def checkout(self, **changes: Any) -> stripe.checkout.Session:
        """A new session; a change of None leaves the parameter out."""
        given = {name: value for name, value in (CHECKOUT | changes).items() if value is not None}
        return await self.stripe.v1.checkout.sessions.create_async(given)

    async def session(self, session: stripe.checkout.Session, *expand: str) -> stripe.checkout.Session:
        """A session as it is now."""
        return await self.stripe.v1.checkout.sessions.retrieve_async(session.id, {"expand": [*expand]})

    def page_of(self, session: stripe.checkout.Session) -> str:
        return str(session.url).replace("http://shop.example", self.url)

    async def pay(
        self,
        session: stripe.checkout.Session,
        number: str = "4242 4242 4242 4242",
        accept: str = "text/html",
        **more: str,
    ) -> httpx2.Response:
        """A customer types a number on the session's page."""
        typed = {"card_number": number, **more}
        return await self.http.post(self.page_of(session), data=typed, headers={"accept": accept})

    def told(self, prefix: str = "checkout.") -> list[str]:
        return [kind for kind in self.shop.types if kind.startswith(prefix)]


class Street:
    """One server for all tests; the world of the moment moves in."""

    def __init__(self) -> None:
        self.url = ""
        self.http: httpx2.AsyncClient
        self.app: ASGIApp = Starlette()
        self.backends: dict[float, stripe.HTTPXClient] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def backend(self, timeout: float) -> stripe.HTTPXClient:
        """The SDK's connections; making them loads certificates, which is slow."""
        if timeout not in self.backends:
            self.backends[timeout] = stripe.HTTPXClient(timeout=timeout, allow_sync_methods=True)
        return self.backends[timeout]


@pytest.fixture(scope="session")
async def street() -> AsyncIterator[Street]:
    made = Street()
    async with served(made) as made.url:
        async with httpx2.AsyncClient(base_url=made.url, timeout=10, trust_env=False) as made.http:
            yield made
        for backend in made.backends.values():
            await backend.close_async()
            backend.close()


Start = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def start_world(street: Street) -> Start:
    """To start a sandbox over a state file by hand, or twice over the same one."""

    @asynccontextmanager
    async def running(state: Path, **changes: Any) -> AsyncIterator[World]:
        shop = Shop()
        given: dict[str, Any] = {
            "state_file": state,
            "webhook_targets": {"stripe": f"{street.url}/hook"},
            "webhook_secrets": {"stripe": SECRET},
            "public_url": "http://shop.example/sandbox",
            "webhook_retry_delays": (0.05, 0.05, 0.05),
            "settle_after": 0.05,
        }
        settings = SandboxSettings(**(given | changes))
        sandbox = Sandbox(settings)
        await sandbox.start()
        street.app = Starlette(routes=[Route("/hook", shop.receive, methods=["POST"]), Mount("/sandbox", sandbox.app)])
        yield World(street.url, sandbox, shop, street.http, settings, street)
        await sandbox.stop()

    return running


@pytest.fixture
async def world(tmp_path: Path, start_world: Start) -> AsyncIterator[World]:
    async with start_world(tmp_path / "sandbox.db") as running_world:
        yield running_world
