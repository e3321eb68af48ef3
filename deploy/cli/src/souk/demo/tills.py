"""How the demo's customer pays: Stripe's SDK in the shop, Stripe's own page, Razorpay's window."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from html import unescape
from http import HTTPStatus
from typing import Any, Final

import httpx2
import stripe

from souk.client import Json

_STRIPE_CARD: Final = "4242424242424242"
_RAZORPAY_CARD: Final = "4100280000001007"
_WORDS: Final = re.compile(r"<h1>(.*?)</h1>|<p>(?!Order |<a )(.*?)</p>")


class DemoFailed(Exception):  # noqa: N818 - the audience reads its sentence
    """Something did not happen as it should."""


class Tills:
    """The providers as a buyer's browser sees them; here they are the sandbox's."""

    def __init__(self, http: httpx2.AsyncClient, sandbox: str) -> None:
        self._http, self._sandbox = http, sandbox
        addresses: Any = {"api": f"{sandbox}/stripe"}
        self._stripe = stripe.StripeClient("sk_test_demo", base_addresses=addresses, max_network_retries=2)

    async def card(self, order: Json, card: str = "pm_card_visa") -> str:
        """Confirm the order's intent with a test card, as Stripe's script does; return its status or the decline."""
        intents = self._stripe.v1.payment_intents
        try:
            return await _status(partial(intents.confirm, _intent(order), {"payment_method": card}))
        except stripe.CardError as error:
            return str(error.code)

    async def intent(self, order: Json) -> str:
        """Return where the order's intent stands at Stripe."""
        return await _status(partial(self._stripe.v1.payment_intents.retrieve, _intent(order)))

    async def page(self, order: Json, number: str = _STRIPE_CARD) -> str:
        """Pay on Stripe's own page; return what the page says to which it leads back, or why it takes nothing."""
        address = _given(order, "checkout_url")
        answer = await self._http.post(address, data={"card_number": number}, headers={"accept": "application/json"})
        if answer.status_code != HTTPStatus.SEE_OTHER:
            return str(answer.json()["error"]["message"])
        return await self.read(answer.headers["location"])

    async def window(self, order: Json, number: str = _RAZORPAY_CARD) -> Json:
        """Pay in Razorpay's window; return what it hands back. Raises DemoFailed for a refused card."""
        address = f"{self._sandbox}/razorpay/checkout/{_given(order, 'razorpay')['order_id']}"
        answer = await self._http.post(address, data={"card_number": number}, headers={"accept": "application/json"})
        handed_back: Json = answer.json()
        if answer.is_error:
            raise DemoFailed(f"Razorpay's window refuses: {handed_back['error']['description']}")
        return handed_back

    async def read(self, address: str) -> str:
        """Return what a page of the shop says, without its markup."""
        answer = await self._http.get(address)
        words = " - ".join(unescape(title or sentence) for title, sentence in _WORDS.findall(answer.text))
        return words or f"{answer.status_code} at {address}"


async def _status(call: Callable[[], stripe.PaymentIntent]) -> str:
    return str((await asyncio.to_thread(call)).status)


def _intent(order: Json) -> str:
    return str(_given(order, "client_secret")).split("_secret_")[0]


def _given(order: Json, name: str) -> Any:  # noqa: ANN401 - an address, a secret or Razorpay's block
    if not order["payment"] or not order["payment"][name]:
        raise DemoFailed(f"order {order['number']} is {order['status']} and has no {name} to pay with")
    return order["payment"][name]
