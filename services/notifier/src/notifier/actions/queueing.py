"""Queueing mails: one per recipient, channel and cause, however often its cause is told."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered
from common.contracts.catalog import StockLow
from common.contracts.orders import Line, OrderPaid, OrderRefunded, OrderRejected
from common.contracts.payments import PaymentFailed, PaymentSurplus
from common.db import now, wake_after_commit
from common.errors import NotYet
from common.telemetry import current_trace
from notifier.actions.copying import close_order, keep_recipient
from notifier.domain import REASONS, Mail
from notifier.models import Notification, NotificationTransition
from notifier.queries import find_order, find_recipient

MAIL_LOOP = "waiting mail"


async def welcome(session: AsyncSession, user: UserRegistered) -> None:
    """Keep a new user's address and greet them."""
    await keep_recipient(session, user)
    await _queue(session, user.user_id, Mail(f"{user.wire}:{user.user_id}", "welcome", {}))


async def confirm_payment(session: AsyncSession, order: OrderPaid) -> None:
    """Tell the buyer that the order is paid, line by line, with the licences and the way to the files."""
    await close_order(session, order.order_id)
    context = {
        "order_id": str(order.order_id),
        "number": order.number,
        "total": str(order.total),
        "lines": [_line(line) for line in order.lines],
        "downloads": any(map(_is_file, order.lines)),
        "licences": _licences(order.lines),
    }
    await _queue(session, order.user_id, Mail(f"{order.wire}:{order.order_id}", "order_paid", context))


async def tell_failed_payment(session: AsyncSession, payment: PaymentFailed) -> None:
    """Tell the buyer that a try to pay failed, once per try; whether another makes sense depends on the order."""
    order = await find_order(session, payment.order_id)
    if order is None:
        raise NotYet
    context = {"order_id": str(order.id), "number": order.number, "total": str(order.total), "open": order.open}
    cause = f"{payment.wire}:{payment.payment_id}:{payment.try_ref}"
    await _queue(session, order.user_id, Mail(cause, "payment_failed", context))


async def tell_surplus(session: AsyncSession, payment: PaymentSurplus) -> None:
    """Tell the buyer that the order was paid twice and that the second amount goes back, once per such payment."""
    context = {"order_id": str(payment.order_id), "number": payment.number, "amount": str(payment.amount)}
    await _queue(session, payment.user_id, Mail(f"{payment.wire}:{payment.refund_id}", "paid_twice", context))


async def tell_refund(session: AsyncSession, order: OrderRefunded) -> None:
    """Tell the buyer that money goes back, and why where the reason is one of ours."""
    context = {
        "order_id": str(order.order_id),
        "number": order.number,
        "amount": str(order.amount),
        "total_refunded": str(order.total_refunded),
        "whole": order.whole,
        "reason": REASONS.get(order.reason),
    }
    await _queue(session, order.user_id, Mail(f"{order.wire}:{order.refund_id}", "refunded", context))


async def tell_rejection(session: AsyncSession, order: OrderRejected) -> None:
    """Tell the buyer that the order cannot be supplied and that nothing was charged."""
    await close_order(session, order.order_id)
    context = {"order_id": str(order.order_id), "number": order.number, "reason": REASONS.get(order.reason)}
    await _queue(session, order.user_id, Mail(f"{order.wire}:{order.order_id}", "order_rejected", context))


async def tell_low_stock(session: AsyncSession, stock: StockLow) -> None:
    """Tell the seller how few pieces are left, once per event: it may run low again."""
    context = {
        "product_id": str(stock.product_id),
        "product": stock.name,
        "free": stock.free,
        "threshold": stock.threshold,
    }
    cause = f"{stock.wire}:{current_trace().causation_id}"
    await _queue(session, stock.seller_id, Mail(cause, "stock_low", context))


def _is_file(line: Line) -> bool:
    return line.kind == "digital"


def _licences(lines: Iterable[Line]) -> list[dict[str, list[str]]]:
    """Return each licence once, line by line, with the names of what was bought under it."""
    names = defaultdict[str, list[str]](list)
    for line in lines:
        if line.licence:
            names[line.licence].append(line.name)
    return [{"names": bought, "text": text.splitlines()} for text, bought in names.items()]


def _line(line: Line) -> dict[str, object]:
    return {
        "file": _is_file(line),
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": str(line.unit_price),
        "total": str(line.unit_price.times(line.quantity)),
        "image": line.image if line.image and line.image.startswith(("https://", "http://")) else None,
    }


async def _queue(session: AsyncSession, user_id: UUID, mail: Mail) -> None:
    if await find_recipient(session, user_id) is None:
        raise NotYet
    trace = current_trace()
    row = Notification(
        user_id=user_id,
        cause=mail.cause,
        template=mail.template,
        context=mail.context,
        correlation_id=trace.correlation_id,
        causation_id=trace.causation_id,
        traceparent=trace.traceparent,
        due_at=now(),
    )
    values = {column.key: getattr(row, column.key) for column in Notification.__table__.columns}
    fresh = insert(Notification).values(values).on_conflict_do_nothing().returning(Notification.id)
    if await session.scalar(fresh) is not None:
        session.add(NotificationTransition(notification_id=row.id, version=row.version, was=None, became=row.status))
        wake_after_commit(session, MAIL_LOOP)
