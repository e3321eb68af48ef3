"""The sellers' journal: what was sold of each line, what of its money went back, and each download."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.catalog import DeliveryDownloaded
from common.db import fetch, now
from common.errors import NotYet
from common.events import new_id
from orders.domain import SOLD, SaleKind, Status, apportion
from orders.models import Line, Order, SaleEntry

_DOWNLOADED = """
INSERT INTO sale_entries (id, seller_id, product_id, variant_id, order_id, line_id, kind, quantity, amount, currency,
    at)
SELECT $1, coalesce(l.seller_id, $2), l.product_id, l.variant_id, o.id, l.id, 'downloaded', 1, 0, o.currency, $5
FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.id = $3 AND o.id = $4 RETURNING id
"""


def enter_sale(session: AsyncSession, order: Order, at: datetime) -> None:
    """The order is paid: each of its lines is sold."""
    session.add_all(_entry(order, line, SaleKind.SOLD, (line.quantity, line.total), at) for line in order.lines)


def enter_refund(session: AsyncSession, order: Order, before: int) -> None:
    """Money of the order went back, or came back to us: where `before` was given back, it now is what the order says.

    It falls to the lines by what they cost; with the last of it their pieces are taken back. What was never sold, for
    its money came too late, is no matter of the sellers.
    """
    if order.status not in SOLD or before == order.given_back:
        return
    taken_back = order.given_back >= order.total and order.status != Status.REFUNDED
    costs, at = [line.total for line in order.lines], now()
    shares = zip(order.lines, apportion(before, costs), apportion(order.given_back, costs), strict=True)
    for line, gone, goes in shares:
        quantity = line.quantity if taken_back else 0
        if quantity or goes != gone:
            session.add(_entry(order, line, SaleKind.REFUNDED, (quantity, goes - gone), at))


async def enter_download(session: AsyncSession, fact: DeliveryDownloaded) -> None:
    """A buyer got the address of a file; raises NotYet while its line is not known."""
    known: tuple[UUID, ...] = (new_id(), fact.seller_id, fact.line_id, fact.order_id)
    if not await fetch(session, _DOWNLOADED, *known, now()):
        message = f"line {fact.line_id}"
        raise NotYet(message)


def _entry(order: Order, line: Line, kind: SaleKind, what: tuple[int, int], at: datetime) -> SaleEntry:
    quantity, amount = what
    return SaleEntry(
        seller_id=line.seller_id,
        product_id=line.product_id,
        variant_id=line.variant_id,
        order_id=order.id,
        line_id=line.id,
        kind=kind,
        quantity=quantity,
        amount=amount,
        currency=order.currency,
        at=at,
    )
