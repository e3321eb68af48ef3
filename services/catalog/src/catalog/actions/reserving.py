"""What orders do to stock: set it aside, let it go, or buy it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.counting import LOW, tell_low
from catalog.actions.delivering import deliver_lines
from catalog.actions.telling import tell
from catalog.domain import HoldingStatus, Offer, Reason, Refusal, Wish, judge, pieces, shortage
from catalog.models import Holding, Reservation
from catalog.queries import get_holding, list_free, list_offers, list_reservations
from common.contracts.catalog import StockRejected, StockReleased, StockReserved
from common.contracts.orders import OrderCreated, OrderPaid
from common.db import fetch, now
from common.events import new_id

_RESERVE = f"""
WITH taken AS (
    UPDATE stock SET reserved = reserved + w.quantity FROM unnest($1::uuid[], $2::bigint[]) AS w (variant_id, quantity)
    WHERE stock.variant_id = w.variant_id AND on_hand - reserved >= w.quantity
    RETURNING stock.variant_id, on_hand - reserved AS free, w.quantity
) {LOW}
"""  # noqa: S608 - our own text
_RELEASE = """
UPDATE stock SET reserved = reserved - w.quantity FROM unnest($1::uuid[], $2::bigint[]) AS w (variant_id, quantity)
WHERE stock.variant_id = w.variant_id
"""
# `$4` is what was reserved of it: all, or nothing where late money buys what had been let go.
_SELL = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS w (entry_id, variant_id, quantity, held)
), sold AS (
    UPDATE stock SET on_hand = on_hand - w.quantity, reserved = reserved - w.held
    FROM wanted w WHERE stock.variant_id = w.variant_id RETURNING w.*
)
INSERT INTO stock_entries (id, variant_id, delta, reason, order_id, at)
SELECT entry_id, variant_id, -quantity, 'sold', $5::uuid, $6::timestamptz FROM sold
"""


async def reserve_stock(session: AsyncSession, order: OrderCreated) -> None:
    """Set all lines of an order aside, or none of them and say why; a repeat changes and tells nothing."""
    wishes = [Wish(line.sold_as, line.quantity, line.unit_price) for line in order.lines]
    wanted = pieces(wishes)
    offers = await list_offers(session, wanted, order.created_at)
    refusal = judge(wishes, offers, order.total.currency)
    holding = await _open_holding(session, order, refusal)
    if holding is None:
        return
    if refusal is not None:
        tell(session, holding.born(), _rejected(order, refusal))
        return
    reservations = [_reservation(order.order_id, offers[id_], id_, quantity) for id_, quantity in wanted.items()]
    session.add_all(reservations)
    if counted := [r for r in reservations if r.counted]:
        low = await fetch(session, _RESERVE, [r.variant_id for r in counted], [r.quantity for r in counted])
        tell_low(session, low)
    tell(session, holding.born(), StockReserved(order_id=order.order_id))


async def release_stock(session: AsyncSession, order_id: UUID, ended: str) -> None:
    """Let go of what was set aside, for the order ended so; whoever paid keeps it. Raises NotYet."""
    holding = await get_holding(session, order_id)
    if holding.status != HoldingStatus.ACTIVE:
        return
    reservations = await list_reservations(session, order_id)
    counted = [r for r in reservations if r.counted]
    await list_free(session, [r.variant_id for r in counted])
    if counted:
        await fetch(session, _RELEASE, [r.variant_id for r in counted], [r.quantity for r in counted])
    change = holding.release(ended)
    for reservation in reservations:
        reservation.follow(holding)
    tell(session, change, StockReleased(order_id=order_id))


async def sell_stock(session: AsyncSession, order: OrderPaid) -> None:
    """Make an order's reservation a sale and deliver its digital lines.

    Late money buys what had been let go, if it is still there; else, and for an order that was rejected, the answer is
    `stock.rejected`. Raises NotYet.
    """
    holding = await get_holding(session, order.order_id)
    if holding.status == HoldingStatus.REJECTED:
        return _refuse(session, holding, order, Refusal(Reason(holding.reason or Reason.OUT_OF_STOCK), None))
    if holding.status not in {HoldingStatus.ACTIVE, HoldingStatus.RELEASED}:
        return None
    late = holding.status == HoldingStatus.RELEASED
    reservations = await list_reservations(session, order.order_id)
    counted = [r for r in reservations if r.counted]
    free = await list_free(session, [r.variant_id for r in counted])
    if late and (refusal := shortage({r.variant_id: r.quantity for r in counted}, dict(free))):
        return _refuse(session, holding, order, refusal)
    tell(session, holding.sell())
    if counted:
        await _take_away(session, order.order_id, counted, held=not late)
    for reservation in reservations:
        reservation.follow(holding)
    await deliver_lines(session, order, holding, {r.variant_id: r.kind for r in reservations})
    return None


async def _take_away(session: AsyncSession, order_id: UUID, counted: Sequence[Reservation], *, held: bool) -> None:
    quantities = [r.quantity for r in counted]
    reserved = quantities if held else [0] * len(counted)
    entries = [new_id() for _ in counted]
    await fetch(session, _SELL, entries, [r.variant_id for r in counted], quantities, reserved, order_id, now())


async def _open_holding(session: AsyncSession, order: OrderCreated, refusal: Refusal | None) -> Holding | None:
    moment = now()
    values: dict[str, object] = {
        "order_id": order.order_id,
        "user_id": order.user_id,
        "status": HoldingStatus.REJECTED if refusal else HoldingStatus.ACTIVE,
        "version": 1,
        "reason": refusal and refusal.reason,
        "refunded_whole": False,
        "refunded_lines": [],
        "expires_at": order.expires_at,
        "created_at": moment,
        "updated_at": moment,
    }
    statement = insert(Holding).values(values).on_conflict_do_nothing().returning(Holding)
    return (await session.scalars(statement)).one_or_none()


def _reservation(order_id: UUID, offer: Offer, variant_id: UUID, quantity: int) -> Reservation:
    return Reservation(
        order_id=order_id, variant_id=variant_id, kind=offer.kind, quantity=quantity, counted=offer.free is not None
    )


def _refuse(session: AsyncSession, holding: Holding, order: OrderPaid, refusal: Refusal) -> None:
    tell(session, holding.refuse(refusal.reason), _rejected(order, refusal))


def _rejected(order: OrderCreated | OrderPaid, refusal: Refusal) -> StockRejected:
    products = {line.sold_as: line.product_id for line in order.lines}
    product_id = products[refusal.variant_id] if refusal.variant_id else None
    return StockRejected(
        order_id=order.order_id, reason=refusal.reason, product_id=product_id, variant_id=refusal.variant_id
    )
