"""Payments to look at."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from common.auth import CurrentUser, Principal
from common.http import PageOf, Reading, router
from common.http.fields import Id
from payments import queries
from payments.schemas import PaymentOut, PaymentPage

routes = router(prefix="/payments", tags=["payments"])
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
_HIDDEN: dict[int | str, dict[str, Any]] = {401: _PROBLEM, 404: _PROBLEM}


@routes.get("", summary="List payments, newest first", responses={401: _PROBLEM})
async def list_payments(
    user: CurrentUser, session: Reading, page: Annotated[PaymentPage, Query()]
) -> PageOf[PaymentOut]:
    """Your own payments; support and admins see everybody's."""
    whose = _whose(user)
    scope = f"payments:{whose}"
    rows = await queries.list_payments(session, whose, page.order_id, page.after(scope), page.limit + 1)
    return page.page(rows, scope, PaymentOut.of, lambda payment: payment.id)


@routes.get("/{payment_id}", summary="Show a payment", responses=_HIDDEN)
async def show_payment(user: CurrentUser, session: Reading, payment_id: Id) -> PaymentOut:
    """A payment of yours; support and admins see everybody's."""
    return PaymentOut.of(await queries.get_payment(session, payment_id, _whose(user)))


def _whose(user: Principal) -> UUID | None:
    return None if user.has("admin", "support") else user.id
