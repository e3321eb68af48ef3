"""The official Razorpay SDK against a real sandbox, and customers who pay at its checkout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import razorpay
import requests

KEY = ("rzp_test_souk", "secret_of_souk")
GOOD = "4100280000001007"


@dataclass
class Till:
    """What a shop and its customers do with Razorpay."""

    world: Any
    clients: list[razorpay.Client] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"{self.world.url}/sandbox/razorpay"

    def client(self, key: tuple[str, str] = KEY) -> razorpay.Client:
        session = requests.Session()
        session.trust_env = False
        self.clients.append(razorpay.Client(session=session, auth=key, base_url=self.base))
        return self.clients[-1]

    async def do(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call the SDK, which blocks, beside the loop that answers it."""
        return await asyncio.to_thread(method, *args, **({"timeout": 5} | options))

    @property
    def sdk(self) -> razorpay.Client:
        return self.clients[0] if self.clients else self.client()

    async def order(self, amount: int = 5000, **more: Any) -> Any:
        return await self.do(self.sdk.order.create, {"amount": amount, "currency": "INR", **more})

    async def pay(self, order: Any, card: str = GOOD, **more: Any) -> Any:
        """The HTTP answer to a script that pays at the checkout."""
        form = {"card_number": card, **more}
        accept = {"accept": "application/json"}
        return await self.world.http.post(f"/sandbox/razorpay/checkout/{order['id']}", data=form, headers=accept)

    async def paid(self, card: str = GOOD, amount: int = 5000, **more: Any) -> Any:
        """A payment of a new order, as it is after the checkout."""
        answer = (await self.pay(await self.order(amount, **more), card)).json()
        named = answer.get("razorpay_payment_id") or answer["error"]["metadata"]["payment_id"]
        return await self.do(self.sdk.payment.fetch, named)

    async def payment(self, wanted: str) -> Any:
        return await self.do(self.sdk.payment.fetch, wanted)

    async def refund(self, payment: Any, key: str | None = None, **body: Any) -> Any:
        headers = {} if key is None else {"X-Refund-Idempotency": key}
        return await self.do(self.sdk.payment.refund, payment["id"], body, headers=headers)

    async def truth(self) -> Any:
        return (await self.world.http.get("/sandbox/truth")).json()["razorpay"]

    def told(self) -> list[str]:
        """The names of the events the shop was told."""
        return [event["event"] for event in self.world.shop.events]

    async def until_told(self, *names: str) -> None:
        await self.world.until(lambda: set(names) <= set(self.told()))


@pytest.fixture
def open_till(start_world: Any, street: Any) -> Callable[..., Any]:
    """To open a till over a state file by hand, or twice over the same one."""

    def opened(state: Path, **changes: Any) -> Any:
        given = {"webhook_targets": {"razorpay": f"{street.url}/hook"}, "webhook_secrets": {"razorpay": SECRET}}
        return start_world(state, **(given | changes))

    return opened


SECRET = "whsec_test_secret"


@pytest.fixture
async def till(tmp_path: Path, open_till: Callable[..., Any]) -> AsyncIterator[Till]:
    async with open_till(tmp_path / "sandbox.db") as world:
        made = Till(world)
        yield made
        for client in made.clients:
            client.session.close()


@pytest.fixture
def tills() -> type[Till]:
    return Till
