"""Payments to look at, and the hand-back of a browser that has paid one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from common.auth import CurrentUser, Principal
from common.http import PageOf, Reading, Wait, router
from common.http.fields import Id
from payments import queries
from payments.errors import PaymentNotFound, ProviderNotConfigured
from payments.routes.desk import AskingDesk, is_settled
from payments.schemas import HandBack, PaymentOut, PaymentPage, PaymentShown

routes = router(prefix="/payments", tags=["payments"])
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
_HIDDEN: dict[int | str, dict[str, Any]] = {401: _PROBLEM, 404: _PROBLEM}
_HANDED_BACK = _HIDDEN | {400: _PROBLEM, 422: _PROBLEM}


@routes.get("", summary="List payments, newest first", responses={401: _PROBLEM})
async def list_payments(
    user: CurrentUser, session: Reading, page: Annotated[PaymentPage, Query()]
) -> PageOf[PaymentOut]:
    """Your own payments; support and admins see everybody's."""
    wanted = queries.Wanted(user_id=_whose(user), **page.model_dump(exclude={"cursor", "limit"}))
    scope = f"payments:{wanted.user_id}"
    rows = await queries.list_payments(session, wanted, page.after(scope), page.limit + 1)
    return page.page(rows, scope, PaymentOut.of, lambda payment: payment.id)


@routes.post("/verify", summary="A browser was handed back by Razorpay", responses=_HANDED_BACK)
async def verify_payment(user: CurrentUser, body: HandBack, desk: AskingDesk, wait: Wait) -> PaymentOut:
    """Check that Razorpay signed it, ask Razorpay, and wait (`Prefer: wait=N`) until the payment has ended.

    The hand-back itself proves nothing: the payment is answered as Razorpay's own word leaves it.
    """
    razorpay = desk.providers.get("razorpay")
    if razorpay is None:
        raise ProviderNotConfigured(provider="razorpay")
    ref = razorpay.handed_back(body.model_dump())
    async with desk.database.reading() as session:
        payment = await queries.find_payment_as(session, "razorpay", ref)
    if payment is None or payment.user_id != user.id:
        raise PaymentNotFound
    return PaymentOut.of(await desk.ask(payment, wait, is_settled))


@routes.get("/{payment_id}", summary="Show a payment", responses=_HIDDEN)
async def show_payment(user: CurrentUser, session: Reading, payment_id: Id) -> PaymentShown:
    """A payment of yours, with the money that came and what goes back; support and admins see everybody's."""
    payment = await queries.get_payment(session, payment_id, _whose(user))
    captures = await queries.list_captures(session, payment)
    return PaymentShown.whole(payment, captures, await queries.list_refunds(session, payment))


def _whose(user: Principal) -> UUID | None:
    return None if user.has("admin", "support") else user.id
