"""Files: whose they are, whether they are what was announced, which nobody wants any more. Stores are asked here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

import structlog
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.registering import Patience, Verdict, record_checked, record_gone, record_located, record_looked
from catalog.actions.uploading import CHECKING, TIDYING
from catalog.domain import AssetStatus, Found, Limits, objection
from catalog.errors import StoreAway, StoreUnreachable
from catalog.models import Asset, Registration
from catalog.settings import CatalogSettings
from catalog.stores import Stores
from common.db import Database, now
from common.faults import faultpoint
from common.loops import LeaseLost, Loop, claim, under_lease

log = structlog.get_logger(__name__)
T = TypeVar("T")
Row = TypeVar("Row", Asset, Registration)
_AT_ONCE: Final = 4
_LONGEST_RETRY: Final = timedelta(minutes=5)
_LOOKED_AT: Final = (AssetStatus.ISSUED, AssetStatus.READY)


@dataclass(frozen=True, slots=True)
class World:
    """The database, the stores, and how patient to be with them."""

    database: Database
    stores: Stores
    settings: CatalogSettings

    @property
    def lease(self) -> timedelta:
        """How long a file may take: to be fetched, decoded, and its pictures to be kept."""
        return self.settings.store_timeout * 6 + timedelta(seconds=30)

    @property
    def limits(self) -> Limits:
        """How large a file may be."""
        return Limits(self.settings.max_upload, self.settings.max_pixels)

    @property
    def patience(self) -> Patience:
        """How long an upload may last, and what nobody registers is kept."""
        pace = self.settings.pace
        return Patience(self.settings.upload_ttl / pace, self.settings.orphans_kept / pace)

    def retry(self, attempts: int) -> timedelta:
        """Return after how long to ask again after so many attempts."""
        return min(timedelta(seconds=2 ** min(attempts, 10)), _LONGEST_RETRY) / self.settings.pace


@dataclass(frozen=True, slots=True)
class Unknown:
    """A store did not answer."""

    error: str


def asset_loops(world: World) -> list[Loop]:
    """Return the loops over files."""
    tidy = world.settings.tick(world.settings.tidy_check)
    return [
        Loop(CHECKING, partial(check_registered, world), every=world.settings.tick(timedelta(seconds=1))),
        Loop(TIDYING, partial(tidy_up, world), every=tidy),
    ]


async def check_registered(world: World) -> int:
    """Find out whose the named files are, and look at those that are to be registered."""
    asked = await _claim(world, Registration)
    await _all(partial(_locate, world), asked)
    files = await _claim(world, Asset, Asset.status == AssetStatus.CHECKING)
    await _all(partial(_check, world), files)
    return len(asked) + len(files)


async def tidy_up(world: World) -> int:
    """Look for uploads nobody registered and at files a store told of; delete what is not wanted."""
    files = await _claim(world, Asset, Asset.status != AssetStatus.CHECKING)
    await _all(partial(_tidy, world), files)
    return len(files)


async def _claim(world: World, model: type[Row], *where: ColumnElement[bool]) -> Sequence[Row]:
    async with world.database.transaction() as session:
        rows = await claim(session, model, *where, lease=world.lease, limit=_AT_ONCE)
    if rows:
        await faultpoint("loop.claimed")
    return rows


async def _locate(world: World, asked: Registration) -> None:
    key = await _ask(world, asked, partial(world.stores.current.locate, asked.file_id))

    async def record(session: AsyncSession, row: Registration) -> None:
        assert not isinstance(key, Unknown)
        await record_located(session, row, key)

    await _write(world, asked, key, record)


async def _check(world: World, asset: Asset) -> None:
    verdict = await _ask(world, asset, partial(_judge, world, asset))

    async def record(session: AsyncSession, row: Asset) -> None:
        assert not isinstance(verdict, Unknown)
        record_checked(session, row, verdict, world.patience)

    await _write(world, asset, verdict, record)


async def _judge(world: World, asset: Asset) -> Verdict:
    store, filed = world.stores.of(asset.store), asset.filed
    found = await store.find(filed)
    if found is None:
        return Verdict()
    fault = objection(filed, found, world.limits)
    if fault or not filed.is_image:
        return Verdict(found, fault)
    try:
        return Verdict(found, pictures=await store.show(filed))
    except ValueError:
        return Verdict(found, "unreadable")


async def _tidy(world: World, asset: Asset) -> None:
    looks = asset.status in _LOOKED_AT
    outcome = await _ask(world, asset, partial(_look if looks else _delete, world, asset))

    async def record(session: AsyncSession, row: Asset) -> None:
        assert not isinstance(outcome, Unknown)
        if looks:
            record_looked(session, row, outcome, world.patience)
        else:
            record_gone(session, row)

    await _write(world, asset, outcome, record)


async def _look(world: World, asset: Asset) -> Found | None:
    return await world.stores.of(asset.store).find(asset.filed)


async def _delete(world: World, asset: Asset) -> None:
    await world.stores.of(asset.store).delete(asset.filed)


async def _ask(world: World, about: Asset | Registration, call: Callable[[], Awaitable[T]]) -> T | Unknown:
    """Ask a store, well within the lease."""
    try:
        async with asyncio.timeout(world.lease.total_seconds() * 0.8):
            return await call()
    except (StoreUnreachable, StoreAway, TimeoutError) as error:
        log.warning("store did not answer", id=str(about.id), error=repr(error)[:300])
        return Unknown(repr(error)[:300])


async def _write(
    world: World, held: Row, outcome: object, record: Callable[[AsyncSession, Row], Awaitable[None]]
) -> None:
    try:
        async with world.database.transaction() as session:
            row = await under_lease(session, held)
            if isinstance(outcome, Unknown):
                row.again(now() + world.retry(row.attempts), outcome.error)
            else:
                await record(session, row)
    except LeaseLost:
        return  # whoever has it now, or has changed it, goes on with it
    await faultpoint("loop.written")


async def _all(work: Callable[[Row], Awaitable[None]], rows: Sequence[Row]) -> None:
    """Work rows side by side; one that fails does not stop the others."""
    for row, outcome in zip(rows, await asyncio.gather(*map(work, rows), return_exceptions=True), strict=True):
        if isinstance(outcome, Exception):
            log.error("outcome not written", id=str(row.id), exc_info=outcome)
