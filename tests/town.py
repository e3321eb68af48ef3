"""A town with a shop in it: the services as processes, a buyer and a seller, for tests of the whole."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2

from souk.client import ApiError, Client
from souk.fleet import Fleet

PAGE = b"%PDF-1.7\n" + b"words " * 200

Later = Callable[[], Awaitable[bool]]


@dataclass
class Town:
    """A running system, a buyer and a seller in it, and what they prepared while all was well."""

    fleet: Fleet
    http: httpx2.AsyncClient
    buyer: Client
    seller: Client
    product: dict[str, Any]
    grant: str
    open_order: dict[str, Any] = field(default_factory=dict)
    uploaded: str = ""
    later: dict[str, Later] = field(default_factory=dict)

    async def place(self, provider: str = "stripe", wait: int = 0) -> dict[str, Any]:
        """Order a file."""
        flow = "intent" if provider == "stripe" else "checkout"
        items = [{"product_id": self.product["id"], "quantity": 1}]
        return await self.buyer.post(
            "/orders", {"items": items, "payment": {"provider": provider, "flow": flow}}, wait=wait
        )

    async def upload(self) -> str:
        """Upload a file, as a seller's browser does, and return what the store calls it."""
        told = {"name": "Words.pdf", "content_type": "application/pdf", "size": len(PAGE)}
        form = (await self.seller.post("/uploads/token", told))["upload"]
        files = {"file": ("Words.pdf", PAGE, "application/pdf")}
        answer = await self.http.request(form["method"], form["url"], data=form["fields"], files=files)
        return str(answer.raise_for_status().json()["fileId"])


def payable(order: Mapping[str, Any]) -> bool:
    payment = order["payment"] or {}
    return bool(payment.get("client_secret") or payment.get("razorpay"))


async def within(seconds: float, so: Later) -> bool:
    """Ask until it is so, whatever is answered meanwhile."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        with suppress(ApiError, httpx2.HTTPError):
            if await so():
                return True
        await asyncio.sleep(0.2)
    return False
