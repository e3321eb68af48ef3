"""The bank's page on which a customer passes or fails 3D Secure (docs.stripe.com/payments/3d-secure)."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.pages import render
from sandbox.provider import JsonObject
from sandbox.store import Store
from sandbox.stripe import charging
from sandbox.stripe.books import Books
from sandbox.stripe.checkout import paying
from sandbox.stripe.currencies import show
from sandbox.world import World


class AuthenticationPage:
    """Two buttons, as on Stripe's own test page."""

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world

    async def show(self, request: Request) -> Response:
        """The page, or a word that there is nothing to authenticate."""
        with self._store.transaction() as db:
            intent = Books(db, self._world).find("payment_intent", request.path_params["intent"])
        if intent is None:
            return HTMLResponse("no such payment", status_code=404)
        waiting = intent["status"] == "requires_action"
        amount = f"{show(intent['amount'], intent['currency'])} {intent['currency'].upper()}"
        return render(request, "authenticate.html", {"waiting": waiting, "amount": amount, "intent": intent})

    async def decide(self, request: Request) -> Response:
        """Pass or fail, then back to the shop."""
        passed = b"verdict=pass" in await request.body()
        with self._store.transaction() as db:
            books = Books(db, self._world)
            intent = books.find("payment_intent", request.path_params["intent"])
            if intent is None:
                return HTMLResponse("no such payment", status_code=404)
            back = _return_url(intent)
            if intent["status"] == "requires_action":
                charging.authenticated(books, intent, passed=passed)
                back = paying.authenticated(books, intent) or back
        return RedirectResponse(back or request.url.path, status_code=303)


def _return_url(intent: JsonObject) -> str | None:
    """Where to send the customer, with the payment named (docs.stripe.com/payments/3d-secure/authentication-flow)."""
    action = intent["next_action"] or {}
    url: str | None = action.get("redirect_to_url", {}).get("return_url")
    if url is None:
        return None
    parts = urlsplit(url)
    told = urlencode({"payment_intent": intent["id"], "payment_intent_client_secret": intent["client_secret"]})
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))
