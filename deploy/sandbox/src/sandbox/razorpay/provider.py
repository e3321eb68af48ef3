"""The stand-in put together: its routes, its signature, its truth and its slow tasks."""

import sqlite3
from collections.abc import Mapping, Sequence

from starlette.routing import BaseRoute, Route

from sandbox.chaos import Chaos
from sandbox.provider import JsonObject
from sandbox.razorpay import payments, performing, refunds
from sandbox.razorpay.access import configured
from sandbox.razorpay.api import Api
from sandbox.razorpay.books import NAME, Books
from sandbox.razorpay.books import SCHEMA as BOOKS_SCHEMA
from sandbox.razorpay.checkout import Checkout
from sandbox.razorpay.performing import Performer
from sandbox.razorpay.signature import webhook_headers
from sandbox.razorpay.truth import believed
from sandbox.store import Store
from sandbox.world import World

SCHEMA = BOOKS_SCHEMA + performing.SCHEMA


class RazorpayProvider:
    """Razorpay, as far as a shop with orders, cards and refunds sees it."""

    name = NAME
    about = "Razorpay's API below v1/, for the official SDK with base_url; customers pay at checkout/<order>"

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        self._world = world
        performer = Performer(store, chaos, world)
        self._api = Api(performer, configured(world.settings.api_keys.get(NAME, "")))
        self._checkout = Checkout(store, performer, world)

    def routes(self) -> Sequence[BaseRoute]:
        """`/v1/…` and the page on which a customer pays."""
        return [
            Route("/v1/{path:path}", self._api.answer, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
            Route("/checkout/{order}", self._checkout.show, methods=["GET"]),
            Route("/checkout/{order}", self._checkout.pay, methods=["POST"]),
        ]

    def sign(self, event_id: str, body: bytes, secrets: Sequence[str], _at: float) -> Mapping[str, str]:
        """The X-Razorpay-Signature header by the newest secret, and the event's id beside it."""
        return {**webhook_headers(event_id, body, secrets), "user-agent": "Razorpay-Webhook/v1"}

    def truth(self, db: sqlite3.Connection, since: float) -> JsonObject:
        """Orders, payments, refunds and deliveries since a moment."""
        return believed(db, since)

    def do_later(self, db: sqlite3.Connection, task: str, subject: str) -> None:
        """Let a slow or late payment go on, or a refund settle."""
        books = Books(db, self._world)
        if task == "settle_payment":
            payments.settle(books, subject)
        else:
            refunds.settle(books, books.get("refund", subject))
