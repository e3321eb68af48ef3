"""What buyers get and lose: download grants for the digital lines they paid, taken back with their money."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.telling import tell
from catalog.domain import AssetStatus, HoldingStatus
from catalog.errors import FileNotFound, FileRequired, NothingToDownload
from catalog.models import Asset, Grant, Holding
from catalog.queries import find_asset, get_grant_to_use, get_holding, list_live_grants, list_terms
from common.contracts.catalog import DeliveryDownloaded, DeliveryGranted, DeliveryRevoked
from common.contracts.orders import Line, OrderPaid, OrderRefunded
from common.db import now
from common.outbox import emit


async def deliver_lines(session: AsyncSession, order: OrderPaid, holding: Holding, kinds: Mapping[UUID, str]) -> None:
    """Grant the download of each digital line; one that was refunded before it could be is revoked at once.

    What the product gives now is what is granted for good: its files, how often, how long, under which licence.
    """
    digital = [line for line in order.lines if kinds.get(line.sold_as) == "digital"]
    terms = await list_terms(session, [line.product_id for line in digital]) if digital else {}
    for line in digital:
        grant = _grant(order, line, terms[line.product_id])
        session.add(grant)
        told = DeliveryGranted(
            order_id=order.order_id,
            line_id=line.line_id,
            product_id=line.product_id,
            user_id=order.user_id,
            grant_id=grant.id,
        )
        tell(session, grant.born(), told)
        if holding.is_taken_back(line.line_id):
            _revoke(session, grant)


async def take_back_lines(session: AsyncSession, refund: OrderRefunded) -> None:
    """Revoke the downloads of refunded lines; sold stock stays sold. Raises NotYet."""
    holding = await get_holding(session, refund.order_id)
    holding.take_back(refund.lines, whole=refund.whole)
    if holding.status != HoldingStatus.SOLD:
        return
    for grant in await list_live_grants(session, refund.order_id):
        if holding.is_taken_back(grant.line_id):
            _revoke(session, grant)


async def download(session: AsyncSession, user_id: UUID, grant_id: UUID, file_id: UUID | None) -> tuple[Grant, Asset]:
    """Count one download of a file; return the grant as it is then, and the file.

    Raises DownloadNotFound, DownloadRevoked, DownloadExpired, DownloadsUsedUp, NothingToDownload, FileRequired and
    FileNotFound.
    """
    grant, product = await get_grant_to_use(session, grant_id, user_id)
    grant.use()
    files = grant.files or product.files
    if not files:
        raise NothingToDownload
    if file_id is None and len(files) > 1:
        raise FileRequired(files=[str(id_) for id_ in files])
    wanted = file_id or files[0]
    if wanted not in files:
        raise FileNotFound
    asset = await find_asset(session, wanted)
    if asset is None or asset.status != AssetStatus.READY:
        raise NothingToDownload
    told = DeliveryDownloaded(
        order_id=grant.order_id,
        line_id=grant.line_id,
        product_id=grant.product_id,
        user_id=user_id,
        seller_id=product.seller_id,
        grant_id=grant.id,
        file_id=asset.id,
    )
    emit(session, told)
    return grant, asset


def _grant(order: OrderPaid, line: Line, terms: Mapping[str, Any]) -> Grant:
    days = terms["download_days"]
    return Grant(
        line_id=line.line_id,
        order_id=order.order_id,
        product_id=line.product_id,
        user_id=order.user_id,
        name=line.name,
        files=terms["files"],
        downloads_left=terms["download_limit"],
        expires_at=days and now() + timedelta(days=days),
        licence=line.licence or terms["licence"],
    )


def _revoke(session: AsyncSession, grant: Grant) -> None:
    change = grant.revoke()
    tell(session, change, DeliveryRevoked(order_id=grant.order_id, line_id=grant.line_id, grant_id=grant.id))
