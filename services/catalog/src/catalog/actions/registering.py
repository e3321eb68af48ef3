"""Registering: what a browser says it has uploaded is looked at where it is, and becomes something to sell or goes."""

from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.telling import tell
from catalog.actions.uploading import CHECKING, TIDYING
from catalog.domain import AssetStatus, Found, Named, Pictures, news_of
from catalog.errors import FileNotFound, TooManyUploads
from catalog.models import Asset, Registration
from catalog.queries import count_asked, find_at, find_named, is_asked
from common.contracts.catalog import AssetRegistered
from common.db import now, wake_after_commit
from common.events import new_id

log = structlog.get_logger(__name__)
_CHECKABLE = frozenset({AssetStatus.ISSUED, AssetStatus.ORPHANED})
_KNOWN = frozenset({AssetStatus.CHECKING, AssetStatus.READY, AssetStatus.REFUSED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a file: nothing, what has a fault, or what may be sold, with its pictures."""

    found: Found | None = None
    fault: str | None = None
    pictures: Pictures = field(default_factory=Pictures)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an upload may last beyond its token, and how long what nobody registers is kept."""

    late: timedelta
    orphans: timedelta


async def register(session: AsyncSession, named: Named, most: int) -> None:
    """Have the store asked for an upload; once more is no harm. Raises FileNotFound, TooManyUploads."""
    asset = await find_named(session, named.owner_id, named.asset_id, named.file_id, lock=True)
    if asset is None:
        await _ask_whose(session, named, most)
    elif asset.status in _CHECKABLE:
        tell(session, asset.check())
    elif asset.status not in _KNOWN:
        raise FileNotFound
    wake_after_commit(session, CHECKING)


async def find_standing(session: AsyncSession, named: Named) -> tuple[Asset | None, bool]:
    """Return what is known of a registered upload, and whether that is all that will be."""
    # In this order: the question goes in the transaction that brings its answer.
    asked = named.file_id is not None and await is_asked(session, named.owner_id, named.file_id)
    asset = await find_named(session, named.owner_id, named.asset_id, named.file_id)
    if asset is None:
        return None, not asked
    # News of the file may have come first: it is known then, and still to be checked for who asked.
    waits = asset.status == AssetStatus.CHECKING or (asked and asset.status in _CHECKABLE)
    return asset, not waits


async def record_located(session: AsyncSession, asked: Registration, key: str | None) -> None:
    """Write down whose the file is that a browser named: the asker's own is checked, another is none."""
    asset = await find_at(session, key) if key else None
    if asset is not None and asset.owner_id == asked.owner_id and asset.status in _CHECKABLE:
        asset.file_id = asked.file_id
        tell(session, asset.check())
        wake_after_commit(session, CHECKING)
    await session.delete(asked)
    wake_after_commit(session, news_of(asked.owner_id))


def record_checked(session: AsyncSession, asset: Asset, verdict: Verdict, patience: Patience) -> None:
    """Write down what the store has of an upload."""
    if verdict.found is None:
        tell(session, asset.miss(patience.late))
    elif verdict.fault is not None:
        asset.file_id = asset.file_id or verdict.found.file_id
        tell(session, asset.refuse(verdict.fault))
        wake_after_commit(session, TIDYING)
    else:
        told = _registered(asset, verdict.found)
        tell(session, asset.accept(verdict.found, verdict.pictures), told)
    wake_after_commit(session, news_of(asset.owner_id))


def record_looked(session: AsyncSession, asset: Asset, found: Found | None, patience: Patience) -> None:
    """Write down what has become of a file since it was uploaded, or since the store told of it."""
    if asset.status == AssetStatus.READY:
        _compare(asset, found)
        return
    if found is not None:
        asset.file_id = found.file_id
    if now() < asset.expires_at + patience.late:
        asset.again(asset.expires_at + patience.late)
    elif found is None:
        tell(session, asset.close(AssetStatus.UNUSED))
    else:
        tell(session, asset.orphan(patience.orphans))


def record_gone(session: AsyncSession, asset: Asset) -> None:
    """Write down that the store has a file no more."""
    if asset.status == AssetStatus.ORPHANED:
        tell(session, asset.close(AssetStatus.SWEPT))
    else:
        asset.done()


async def _ask_whose(session: AsyncSession, named: Named, most: int) -> None:
    """Have the store asked whose file this is. Raises FileNotFound for what no store could know."""
    if named.file_id is None:
        raise FileNotFound
    if await count_asked(session, named.owner_id) >= most:
        raise TooManyUploads(most=most)
    moment = now()
    asked = {"owner_id": named.owner_id, "file_id": named.file_id, "due_at": moment, "created_at": moment}
    statement = insert(Registration).values(id=new_id(), attempts=0, **asked).on_conflict_do_nothing()
    await session.execute(statement)


def _compare(asset: Asset, found: Found | None) -> None:
    asset.done()
    asset.reason = None
    if found is None:
        asset.reason = "gone"
    elif (found.size, found.content_type) != (asset.size, asset.content_type):
        asset.reason = "changed"
    if asset.reason:
        log.error("a file that is sold is not what it was", asset=str(asset.id), reason=asset.reason)


def _registered(asset: Asset, found: Found) -> AssetRegistered:
    return AssetRegistered(
        asset_id=asset.id,
        owner_id=asset.owner_id,
        name=asset.name,
        content_type=asset.content_type,
        size=asset.size,
        width=found.width,
        height=found.height,
    )
