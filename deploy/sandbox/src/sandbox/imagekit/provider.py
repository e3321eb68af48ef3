"""The stand-in put together: its routes, its signature and its truth."""

import sqlite3
from collections.abc import Mapping, Sequence

from starlette.routing import BaseRoute, Route

from sandbox.chaos import Chaos
from sandbox.imagekit.access import configured
from sandbox.imagekit.account import Account
from sandbox.imagekit.api import Api
from sandbox.imagekit.blobs import Blobs
from sandbox.imagekit.books import NAME, SCHEMA, known_blobs
from sandbox.imagekit.cdn import Cdn
from sandbox.imagekit.pages import LibraryPage
from sandbox.imagekit.performing import Performer
from sandbox.imagekit.signature import webhook_headers
from sandbox.imagekit.truth import believed
from sandbox.provider import JsonObject
from sandbox.store import Store
from sandbox.world import World

__all__ = ["SCHEMA", "ImageKitProvider"]


class ImageKitProvider:
    """ImageKit, as far as a shop with uploads, private files and watermarked previews sees it."""

    name = NAME
    about = "ImageKit's API below v1/ and api/, for the official SDK with base_url; the CDN's URL endpoint is cdn/souk"

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        blobs = Blobs(world.settings.state_file)
        with store.transaction() as db:
            blobs.sweep(known_blobs(db))
        account = Account(store, blobs, world, configured(world.settings.api_keys.get(NAME, "")))
        performer = Performer(chaos)
        self._api = Api(account, performer)
        self._cdn = Cdn(account, performer)
        self._page = LibraryPage(account)

    def routes(self) -> Sequence[BaseRoute]:
        """The API, the CDN and a page for people."""
        return [
            Route("/v1/{path:path}", self._api.answer, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
            Route("/api/v{version:int}/files/upload", self._api.upload, methods=["POST"]),
            Route("/cdn/{account}/{path:path}", self._cdn.serve, methods=["GET"]),
            Route("/library", self._page.show, methods=["GET"]),
        ]

    def sign(self, event_id: str, body: bytes, secrets: Sequence[str], at: float) -> Mapping[str, str]:
        """The headers of standardwebhooks.com."""
        return {**webhook_headers(event_id, body, secrets, at), "user-agent": "ImageKit-Webhook"}

    def truth(self, db: sqlite3.Connection, since: float) -> JsonObject:
        """Files, deletions and deliveries since a moment."""
        return believed(db, since)

    def do_later(self, _db: sqlite3.Connection, task: str, subject: str) -> None:
        """Nothing is slow here. Raises `LookupError`."""
        raise LookupError(f"no task {task} on {subject}")
