"""The customer's side: a page that takes a test card and hands the payment back to the shop, signed.

Follows razorpay.com/docs/payments/payment-gateway/web-integration/standard/build-integration.
"""

import math
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox.pages import render
from sandbox.provider import JsonObject
from sandbox.razorpay import payments
from sandbox.razorpay.api import given_by
from sandbox.razorpay.books import NAME, Books
from sandbox.razorpay.cards import SHOWN
from sandbox.razorpay.errors import Answer, RazorpayError, invalid
from sandbox.razorpay.params import Kind, read, require
from sandbox.razorpay.performing import Call, Performer, as_json
from sandbox.razorpay.signature import hand_back_signature
from sandbox.store import Store
from sandbox.world import World

_FIELDS: Final = {
    "card_number": Kind.TEXT, "amount": Kind.INTEGER, "name": Kind.TEXT, "email": Kind.TEXT, "contact": Kind.TEXT,
    "description": Kind.TEXT, "after": Kind.ANY,
}  # fmt: skip


class Checkout:
    """The page and what its form does; scripts that accept JSON get the hand-back, or the error, as JSON."""

    def __init__(self, store: Store, performer: Performer, world: World) -> None:
        self._store = store
        self._performer = performer
        self._world = world

    async def show(self, request: Request) -> Response:
        """The form, or a word that there is nothing to pay."""
        return self._page(request, None)

    async def pay(self, request: Request) -> Response:
        """Attempt a payment by the given card."""
        scripted = "application/json" in request.headers.get("accept", "")
        respond = as_json if scripted else partial(self._handed_back, request)
        order_id = request.path_params["order"]
        try:
            given = _understood(await given_by(request))
        except RazorpayError as error:
            return respond(error.answer())
        call = Call("checkout.pay", lambda books: _attempt(books, order_id, given), respond)
        return await self._performer.perform(call)

    def _handed_back(self, request: Request, answer: Answer) -> Response:
        if "razorpay_signature" not in answer.body:
            return self._page(request, answer)
        values = {"fields": answer.body, "callback": _callback(request)}
        return render(request, "razorpay_handed_back.html", values)

    def _page(self, request: Request, answer: Answer | None) -> Response:
        with self._store.transaction() as db:
            try:
                order = Books(db, self._world).get("order", request.path_params["order"])
            except RazorpayError:
                return HTMLResponse("no such order", status_code=404)
        said = (
            None if answer is None else answer.body.get("error", {}).get("description", "The payment is not finished.")
        )
        page = render(request, "razorpay_checkout.html", {"order": order, "said": said, "cards": SHOWN})
        page.status_code = 200 if answer is None else answer.status
        return page


def _attempt(books: Books, order_id: str, given: JsonObject) -> Answer:
    """What the shop's page is told; a payment that was never finished has only its id and where to go on."""
    order = books.get("order", order_id)
    attempt = payments.attempt(books, order, given)
    if attempt.refusal is not None:
        return attempt.refusal.answer()
    payment_id = attempt.payment["id"]
    if attempt.payment["status"] == "created":
        page = f"{books.world.settings.address()}/{NAME}/checkout/{order_id}"
        return Answer(200, {"razorpay_payment_id": payment_id, "next": [{"action": "redirect", "url": page}]})
    signature = hand_back_signature(order_id, payment_id, books.secrets(order_id)["key_secret"])
    ids = {"razorpay_payment_id": payment_id, "razorpay_order_id": order_id}
    return Answer(200, {**ids, "razorpay_signature": signature})


def _understood(given: JsonObject) -> JsonObject:
    """The fields the sandbox cares about; expiry, code and the like may be anything. Raises `RazorpayError`."""
    params = read(_FIELDS, {name: value for name, value in given.items() if name in _FIELDS and value != ""})
    require(params, "card_number")
    if "after" in params:
        params["after"] = _seconds(params["after"])
    return params


def _seconds(given: object) -> float:
    try:
        seconds = float(str(given))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise invalid("after", "The after must be a number of seconds.")
    return seconds


def _callback(request: Request) -> str | None:
    """Where the browser posts the hand-back, if the page was opened with a `callback_url`."""
    url = request.query_params.get("callback_url", "")
    return url if urlsplit(url).scheme in {"http", "https"} else None
