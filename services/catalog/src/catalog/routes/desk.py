"""What a request meets that concerns files: the stores, the limits, and the wait for a store's word."""

from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from catalog.actions.registering import find_standing, register
from catalog.domain import Limits, Named, news_of
from catalog.models import Asset
from catalog.settings import CatalogSettings
from catalog.stores import Stores
from common.db import Database
from common.http.deps import Db
from common.http.prefer import WaitingRoom

Standing = tuple[Asset | None, bool]


class Desk:
    """Nothing is asked of a store here: a loop does, and its word is waited for."""

    def __init__(self, request: Request, database: Database) -> None:
        self.stores: Stores = request.app.state.stores
        self.settings: CatalogSettings = request.app.state.settings
        self._room: WaitingRoom = request.app.state.waiting_room
        self.database = database

    @property
    def limits(self) -> Limits:
        """How large files may be."""
        return Limits(self.settings.max_upload, self.settings.max_pixels)

    @property
    def late(self) -> timedelta:
        """How long an upload may last beyond its token."""
        return self.settings.upload_ttl / self.settings.pace

    async def register(self, named: Named, seconds: float) -> Standing:
        """Have an upload looked at, and return what is known of it, as soon as that is all."""
        async with self.database.transaction() as session:
            await register(session, named, self.settings.uploads_per_user)
        return await self._room.until(
            news_of(named.owner_id), seconds, partial(self._look, named), lambda standing: standing[1]
        )

    async def _look(self, named: Named) -> Standing:
        async with self.database.reading() as session:
            return await find_standing(session, named)


async def _desk(request: Request, database: Db) -> Desk:
    return Desk(request, database)


FileDesk = Annotated[Desk, Depends(_desk)]
