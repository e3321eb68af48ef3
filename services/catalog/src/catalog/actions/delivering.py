"""What buyers get and lose: download grants for the digital lines they paid, taken back with their money."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.telling import tell
from catalog.domain import HoldingStatus
from catalog.models import Grant, Holding
from catalog.queries import get_holding, list_live_grants
from common.contracts.catalog import DeliveryGranted, DeliveryRevoked
from common.contracts.orders import OrderPaid, OrderRefunded


def deliver_lines(session: AsyncSession, order: OrderPaid, holding: Holding, kinds: Mapping[UUID, str]) -> None:
    """Grant the download of each digital line; one that was refunded before it could be is revoked at once."""
    for line in order.lines:
        if kinds.get(line.sold_as) != "digital":
            continue
        grant = Grant(
            line_id=line.line_id,
            order_id=order.order_id,
            product_id=line.product_id,
            user_id=order.user_id,
            name=line.name,
        )
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


def _revoke(session: AsyncSession, grant: Grant) -> None:
    change = grant.revoke()
    tell(session, change, DeliveryRevoked(order_id=grant.order_id, line_id=grant.line_id, grant_id=grant.id))
