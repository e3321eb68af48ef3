"""Where customers of the crowd pay: Stripe's form in the shop, Stripe's own page, Razorpay's window."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal

import httpx2

Json = dict[str, Any]
Card = Literal["good", "bad"]
State = Literal["succeeded", "declined", "ended", "unknown"]
_CALL: Final = 6.0
_TRIES: Final = 4
_PAUSE: Final = 0.5
_METHODS: Final[Mapping[Card, str]] = {"good": "pm_card_visa", "bad": "pm_card_chargeDeclined"}
_NUMBERS: Final[Mapping[tuple[str, Card], str]] = {
    ("stripe", "good"): "4242424242424242",
    ("stripe", "bad"): "4000000000000002",
    ("razorpay", "good"): "4100280000001007",
    ("razorpay", "bad"): "4100280000060003",
}
_PAID_BEFORE: Final = ("already paid", "already been paid", "already done")
_OK, _MOVED_ON, _REFUSED, _DECLINED, _GONE = 200, 303, 400, 402, 410


class Tills:
    """The providers as a browser sees them. What a customer did may take effect without an answer."""

    def __init__(self, http: httpx2.AsyncClient, sandbox: str) -> None:
        self._http, self._sandbox = http, sandbox

    async def pay(self, payment: Json, card: Card) -> tuple[State, Json]:
        """Try to pay what an order's payment shows; return what came of it, and Razorpay's hand-back where it is so."""
        way = self._way(payment, card)
        state: State = "unknown"
        for _ in range(_TRIES):
            state, handed_back = await way()
            if state != "unknown":
                return state, handed_back
            await asyncio.sleep(_PAUSE)
        return state, {}

    def _way(self, payment: Json, card: Card) -> Callable[[], Awaitable[tuple[State, Json]]]:
        if payment.get("client_secret"):
            intent = payment["client_secret"].split("_secret_", maxsplit=1)[0]
            return lambda: self._confirm(intent, _METHODS[card])
        number = _NUMBERS[payment["provider"], card]
        if payment.get("checkout_url"):
            return lambda: self._page(payment["checkout_url"], number)
        return lambda: self._page(f"{self._sandbox}/razorpay/checkout/{payment['razorpay']['order_id']}", number)

    async def _confirm(self, intent: str, method: str) -> tuple[State, Json]:
        status, told = await self._stripe("POST", f"{intent}/confirm", {"payment_method": method})
        if status != _REFUSED:
            return _confirmed(status, told, "unknown"), {}
        # It may be paid already: an attempt of ours that was not answered did it.
        return _confirmed(*await self._stripe("GET", intent, None), "ended"), {}

    async def _stripe(self, method: str, path: str, form: Mapping[str, str] | None) -> tuple[int, Json]:
        url = f"{self._sandbox}/stripe/v1/payment_intents/{path}"
        try:
            answer = await self._http.request(method, url, data=form, auth=("sk_test_hurt", ""), timeout=_CALL)
        except httpx2.TransportError:
            return 0, {}
        return answer.status_code, _object(answer)

    async def _page(self, address: str, number: str) -> tuple[State, Json]:
        try:
            answer = await self._http.post(
                address, data={"card_number": number}, headers={"accept": "application/json"}, timeout=_CALL
            )
        except httpx2.TransportError:
            return "unknown", {}
        if answer.status_code == _MOVED_ON:
            return "succeeded", {}
        return understood(answer.status_code, _object(answer))


def understood(status: int, told: Json) -> tuple[State, Json]:
    """What a page said; a card of Razorpay's window that is refused is named with its payment."""
    if "razorpay_signature" in told:
        return "succeeded", told
    error = told.get("error")
    if not isinstance(error, dict):
        return "unknown", {}
    words = str(error.get("description") or error.get("message") or "")
    if any(sign in words for sign in _PAID_BEFORE):
        return "succeeded", {}
    if status == _GONE:
        return "ended", {}
    declined = status == _DECLINED or "payment_id" in (error.get("metadata") or {})
    return ("declined" if declined else "unknown"), {}


def _confirmed(status: int, intent: Json, otherwise: State) -> State:
    if status == _DECLINED:
        return "declined"
    if status != _OK or "status" not in intent:
        return "unknown"
    return "succeeded" if intent["status"] == "succeeded" else otherwise


def _object(answer: httpx2.Response) -> Json:
    with suppress(ValueError):
        told = answer.json()
        return told if isinstance(told, dict) else {}
    return {}
