"""What orders hears, and what it does then."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered, UserUpdated
from common.contracts.catalog import (
    DeliveryDownloaded,
    DeliveryGranted,
    ProductArchived,
    ProductCreated,
    ProductUpdated,
    StockRejected,
    StockReserved,
)
from common.contracts.payments import (
    PaymentCancelled,
    PaymentFailed,
    PaymentMismatched,
    PaymentOpened,
    PaymentProcessing,
    PaymentSucceeded,
    RefundFailed,
    RefundSucceeded,
)
from common.errors import NotYet
from common.inbox import EventRouter
from orders.actions import attempts, customers, ending, paying, products, refunding, selling

events = EventRouter("orders")


@events.on_many(ProductCreated)
async def keep_new_products(facts: Sequence[ProductCreated], session: AsyncSession) -> None:
    """A product can be bought as soon as its copy is here."""
    await products.keep_products(session, facts)


@events.on_many(ProductUpdated)
async def keep_changed_products(facts: Sequence[ProductUpdated], session: AsyncSession) -> None:
    """New orders are priced from the newest copy; placed ones keep their prices."""
    await products.keep_products(session, facts)


@events.on(ProductArchived)
async def stop_selling(event: ProductArchived, session: AsyncSession) -> None:
    """An archived product cannot be ordered any more."""
    if not await products.stop_selling(session, event):
        message = f"product {event.product_id}"
        raise NotYet(message)


@events.on(StockReserved)
async def request_payment(event: StockReserved, session: AsyncSession) -> None:
    """What is set aside may be paid."""
    await paying.request_payment(session, event.order_id)


@events.on(StockRejected)
async def refuse_for_stock(event: StockRejected, session: AsyncSession) -> None:
    """What cannot be had ends the order, or gives the money back."""
    await paying.refuse_for_stock(session, event)


@events.on(PaymentOpened)
async def note_opened(event: PaymentOpened, session: AsyncSession) -> None:
    """The buyer's client gets what it needs to pay."""
    await attempts.note_opened(session, event)


@events.on(PaymentProcessing)
async def note_processing(event: PaymentProcessing, session: AsyncSession) -> None:
    """A bank that takes its time suspends the expiry."""
    await attempts.note_processing(session, event)


@events.on(PaymentFailed)
async def note_failed(event: PaymentFailed, session: AsyncSession) -> None:
    """A declined try leaves the order payable."""
    await attempts.note_failed(session, event)


@events.on(PaymentSucceeded)
async def mark_paid(event: PaymentSucceeded, session: AsyncSession) -> None:
    """Captured money pays the order."""
    await paying.mark_paid(session, event)


@events.on(PaymentCancelled)
async def finish_closing(event: PaymentCancelled, session: AsyncSession) -> None:
    """Only when no money can come any more does an order end unpaid."""
    await attempts.note_cancelled(session, event)


@events.on(PaymentMismatched)
async def cancel_mismatched(event: PaymentMismatched, session: AsyncSession) -> None:
    """Money of another amount never pays an order."""
    await paying.cancel_mismatched(session, event)


@events.on(RefundSucceeded)
async def note_refunded(event: RefundSucceeded, session: AsyncSession) -> None:
    """Money given back takes the lines back."""
    await refunding.note_refunded(session, event)


@events.on(RefundFailed)
async def note_refund_failed(event: RefundFailed, session: AsyncSession) -> None:
    """Money that did not go back is still here."""
    await refunding.note_refund_failed(session, event)


@events.on(UserRegistered)
async def keep_new_customer(event: UserRegistered, session: AsyncSession) -> None:
    """Checkouts are prefilled with the buyer's name and address."""
    await customers.keep_customer(session, event)


@events.on(UserUpdated)
async def keep_changed_customer(event: UserUpdated, session: AsyncSession) -> None:
    """They are prefilled with the newest ones."""
    await customers.keep_customer(session, event)


@events.on(DeliveryGranted)
async def note_delivered(event: DeliveryGranted, session: AsyncSession) -> None:
    """The last delivered line fulfils the order."""
    await ending.note_delivered(session, event.order_id, event.line_id)


@events.on(DeliveryDownloaded)
async def enter_download(event: DeliveryDownloaded, session: AsyncSession) -> None:
    """Sellers see how often their files are downloaded."""
    await selling.enter_download(session, event)
