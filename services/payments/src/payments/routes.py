"""HTTP door: the providers' webhooks, and payments to look at."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request

from common.auth import CurrentUser, Principal
from common.db import now
from common.http import PageOf, Reading, router
from common.http.deps import Db
from common.http.fields import Id
from payments import queries
from payments.actions.events import store_webhook
from payments.errors import SignatureInvalid
from payments.providers import Notice, Provider
from payments.schemas import PaymentOut, PaymentPage, WebhookTaken

routes = router(prefix="/payments", tags=["payments"])
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
_HIDDEN: dict[int | str, dict[str, Any]] = {401: _PROBLEM, 404: _PROBLEM}
_WEBHOOK: dict[int | str, dict[str, Any]] = {400: _PROBLEM, 413: _PROBLEM, 503: _PROBLEM}

_EVENT = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


async def _stripe_notice(request: Request) -> Notice:
    # Before the transaction is opened: nobody without a signature gets as far as the database.
    providers: Mapping[str, Provider] = request.app.state.providers
    provider = providers.get("stripe")
    if provider is None or len(request.headers.getlist("stripe-signature")) != 1:
        raise SignatureInvalid
    return provider.verify(await request.body(), request.headers, now())


@routes.post(
    "/webhooks/stripe", summary="Stripe tells of an event", responses=_WEBHOOK, openapi_extra={"requestBody": _EVENT}
)
async def take_stripe_webhook(notice: Annotated[Notice, Depends(_stripe_notice)], database: Db) -> WebhookTaken:
    """Store a signed event; 200 means that it will not be lost. A repeat is 200 as well."""
    await store_webhook(database, "stripe", notice)
    return WebhookTaken()


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
