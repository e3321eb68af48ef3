"""The stand-in put together: its routes, its signature, its truth and its slow tasks."""

import sqlite3
from collections.abc import Mapping, Sequence

from starlette.routing import BaseRoute, Route

from sandbox.chaos import Chaos
from sandbox.provider import JsonObject
from sandbox.store import Store
from sandbox.stripe import charging, idempotency, refunds
from sandbox.stripe.api import Api
from sandbox.stripe.authentication import AuthenticationPage
from sandbox.stripe.books import NAME, Books
from sandbox.stripe.books import SCHEMA as BOOKS_SCHEMA
from sandbox.stripe.checkout import paying, sessions
from sandbox.stripe.checkout.page import CheckoutPage
from sandbox.stripe.preflight import allow_browsers
from sandbox.stripe.signature import signature_header
from sandbox.stripe.truth import believed
from sandbox.world import World

SCHEMA = BOOKS_SCHEMA + idempotency.SCHEMA


class StripeProvider:
    """Stripe, as far as a shop with cards, Checkout and refunds sees it."""

    name = NAME
    about = "Stripe's API below v1/, for the official SDK with base_addresses"

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        self._world = world
        self._api = Api(store, chaos, world)
        self._page = AuthenticationPage(store, world)
        self._checkout = CheckoutPage(store, chaos, world)

    def routes(self) -> Sequence[BaseRoute]:
        """`/v1/…` and the pages on which a customer pays and authenticates."""
        return [
            Route("/v1/{path:path}", allow_browsers, methods=["OPTIONS"]),
            Route("/v1/{path:path}", self._api.answer, methods=["GET", "POST", "DELETE"]),
            Route("/checkout/{session}", self._checkout.show, methods=["GET"]),
            Route("/checkout/{session}", self._checkout.pay, methods=["POST"]),
            Route("/authenticate/{intent}", self._page.show, methods=["GET"]),
            Route("/authenticate/{intent}", self._page.decide, methods=["POST"]),
        ]

    def sign(self, _event_id: str, body: bytes, secrets: Sequence[str], at: float) -> Mapping[str, str]:
        """The Stripe-Signature header, which holds a signature by each secret."""
        return {
            "stripe-signature": signature_header(body, secrets, at),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }

    def truth(self, db: sqlite3.Connection, since: float) -> JsonObject:
        """Charges, intents, sessions, refunds and deliveries since a moment."""
        return believed(db, since)

    def do_later(self, db: sqlite3.Connection, task: str, subject: str) -> None:
        """Settle a debit or a refund, or expire a session."""
        books = Books(db, self._world)
        if task == "settle_intent":
            intent = books.get("payment_intent", subject)
            if charging.settle(books, intent):
                paying.settled(books, intent)
        elif task == "expire_session":
            sessions.expire_when_due(books, books.get(sessions.KIND, subject))
        else:
            refunds.settle(books, books.get("refund", subject))
