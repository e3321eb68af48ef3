"""The hosted page on which a customer pays a session (docs.stripe.com/payments/checkout/how-checkout-works)."""

import dataclasses
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sandbox import mishaps
from sandbox.chaos import Chaos
from sandbox.pages import render
from sandbox.provider import JsonObject
from sandbox.store import Store, savepoint
from sandbox.stripe.books import NAME, Books
from sandbox.stripe.checkout import paying
from sandbox.stripe.checkout.sessions import KIND, expire_when_due
from sandbox.stripe.currencies import show
from sandbox.stripe.errors import Answer, ParamsError, StripeError
from sandbox.stripe.forms import decode_form
from sandbox.stripe.lists import list_line_items
from sandbox.world import World

_OK: Final = 200
_CLOSED: Final = {"complete": 409, "expired": 410}
_CARDS: Final = (
    ("4242 4242 4242 4242", "is paid"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "is declined: insufficient funds"),
    ("4000 0025 0000 3155", "asks for 3D Secure first"),
    ("4000 0000 0000 7726", "is paid; a refund stays pending for a while"),
    ("4000 0000 0000 5126", "is paid; a refund fails after a while"),
    ("000123456789", "bank account: is paid after a while"),
    ("000222222227", "bank account: fails after a while"),
    ("000888888883", "bank account: stays in processing"),
)


class CheckoutPage:
    """Shows what is to be paid, and takes a card."""

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        self._store = store
        self._chaos = chaos
        self._world = world

    async def show(self, request: Request) -> Response:
        """The page (operation `checkout.page.show`)."""
        return await self._served("checkout.page.show", lambda: self._show(request))

    async def pay(self, request: Request) -> Response:
        """An attempt to pay (operation `checkout.page.pay`).

        Form fields: `card_number`, and optionally `email`, `name`, and `settle_after`: seconds until a debit settles.
        """
        body = await request.body()
        return await self._served("checkout.page.pay", lambda: self._pay(request, body))

    def _show(self, request: Request) -> Response:
        with self._store.transaction() as db:
            books = Books(db, self._world)
            session = books.find(KIND, request.path_params["session"])
            if session is None:
                return HTMLResponse("no such session", status_code=404)
            return self._page(request, books, expire_when_due(books, session), _OK)

    def _pay(self, request: Request, body: bytes) -> Response:
        with self._store.transaction() as db:
            books = Books(db, self._world)
            session = books.find(KIND, request.path_params["session"])
            if session is None:
                return HTMLResponse("no such session", status_code=404)
            session = expire_when_due(books, session)
            answer = _closed(session) or _attempt(books, session, body)
            if answer.status == _OK:
                return RedirectResponse(_next_place(books, session), status_code=303)
            if "application/json" in request.headers.get("accept", ""):
                return JSONResponse(answer.body, answer.status)
            return self._page(request, books, session, answer.status, answer.body["error"]["message"])

    def _page(
        self, request: Request, books: Books, session: JsonObject, status: int, trouble: str | None = None
    ) -> Response:
        if trouble is None and session["status"] == "open":
            trouble = _last_trouble(books, session)
        values = {
            "session": session,
            "items": [
                item | {"shown": _shown(item["amount_total"], item["currency"])}
                for item in list_line_items(books, {"limit": 100}, session["id"]).body["data"]
            ],
            "total": _shown(session["amount_total"], session["currency"]),
            "trouble": trouble,
            "cards": _CARDS,
            "success_url": paying.filled(session, "success_url"),
            "cancel_url": paying.filled(session, "cancel_url"),
        }
        page = render(request, "stripe_checkout.html", values)
        page.status_code = status
        return page

    async def _served(self, operation: str, work: Callable[[], Response]) -> Response:
        """The answer as the chaos dial lets it through; a page has nothing to tamper with."""
        hit = self._chaos.first(NAME, "api", operation)
        if hit is not None and hit.rule.mode == "hang":
            return mishaps.silence(hit)
        if hit is not None and hit.rule.mode == "error":
            return _trouble(hit.rule.status or 500)
        await mishaps.pause(hit)
        good = work()
        return mishaps.afterwards(hit, good, lambda _variant: good, _trouble)


def _trouble(status: int) -> Response:
    return HTMLResponse("Something went wrong", status_code=status)


def _closed(session: JsonObject) -> Answer | None:
    status = _CLOSED.get(session["status"])
    if status is None:
        return None
    done = "has already been paid" if session["status"] == "complete" else "has expired"
    return StripeError(f"This Checkout Session {done}.", status=status).answer()


def _attempt(books: Books, session: JsonObject, body: bytes) -> Answer:
    """The attempt; a refusal keeps nothing of it, a decline its failed charge."""
    try:
        typed = decode_form(body)
        customer = paying.Customer(_text(typed, "card_number"), _text(typed, "email"), _text(typed, "name"))
        patient = dataclasses.replace(books, settle_after=_seconds(_text(typed, "settle_after")))
        with savepoint(books.db):
            return paying.attempt(patient, session, customer)
    except StripeError as error:
        return error.answer()


def _text(typed: JsonObject, name: str) -> str:
    value = typed.get(name, "")
    if not isinstance(value, str):
        raise ParamsError(f"Invalid string: {name}", param=name)
    return value.strip()


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError as error:
        raise ParamsError(f"Invalid number: {text}", param="settle_after") from error
    if not 0 <= seconds <= 86400:  # noqa: PLR2004 - a day
        raise ParamsError(f"Invalid number: {text}", param="settle_after")
    return seconds


def _next_place(books: Books, session: JsonObject) -> str:
    """The bank's page while it asks who is paying, else the shop."""
    if session["status"] == "open":
        intent = books.get("payment_intent", session["payment_intent"])
        return str(intent["next_action"]["redirect_to_url"]["url"])
    return paying.way_on(session)


def _last_trouble(books: Books, session: JsonObject) -> str | None:
    if session["payment_intent"] is None:
        return None
    error = books.get("payment_intent", session["payment_intent"])["last_payment_error"]
    return None if error is None else str(error["message"])


def _shown(amount: int, currency: str) -> str:
    return f"{show(amount, currency)} {currency.upper()}"
