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
from sandbox.stripe.books import NAME, Books, World
from sandbox.stripe.books import SCHEMA as BOOKS_SCHEMA
from sandbox.stripe.preflight import allow_browsers
from sandbox.stripe.signature import signature_header
from sandbox.stripe.truth import believed

SCHEMA = BOOKS_SCHEMA + idempotency.SCHEMA


class StripeProvider:
    """Stripe, as far as a shop with cards and refunds sees it."""

    name = NAME
    about = "Stripe's API below v1/, for the official SDK with base_addresses"

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        self._world = world
        self._api = Api(store, chaos, world)
        self._page = AuthenticationPage(store, world)

    def routes(self) -> Sequence[BaseRoute]:
        """`/v1/…` and the page on which a customer authenticates."""
        return [
            Route("/v1/{path:path}", allow_browsers, methods=["OPTIONS"]),
            Route("/v1/{path:path}", self._api.answer, methods=["GET", "POST", "DELETE"]),
            Route("/authenticate/{intent}", self._page.show, methods=["GET"]),
            Route("/authenticate/{intent}", self._page.decide, methods=["POST"]),
        ]

    def sign(self, body: bytes, secrets: Sequence[str], at: float) -> Mapping[str, str]:
        """The Stripe-Signature header."""
        return {
            "stripe-signature": signature_header(body, secrets, at),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }

    def truth(self, db: sqlite3.Connection, since: float) -> JsonObject:
        """Charges, intents, refunds and deliveries since a moment."""
        return believed(db, since)

    def do_later(self, db: sqlite3.Connection, task: str, subject: str) -> None:
        """Settle a debit or a refund."""
        books = Books(db, self._world)
        if task == "settle_intent":
            charging.settle(books, books.get("payment_intent", subject))
        else:
            refunds.settle(books, books.get("refund", subject))
