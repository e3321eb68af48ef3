"""What the providers send by themselves: verified before the database hears of it, stored before it is answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from common.db import now
from common.http import router
from common.http.deps import Db
from common.http.problems import MEDIA_TYPE
from payments.actions.events import store_webhook
from payments.errors import SignatureInvalid
from payments.providers import Notice, Provider
from payments.schemas import WebhookTaken

_PROBLEM: Final[dict[str, Any]] = {"content": {MEDIA_TYPE: {}}}
_EVENT: Final = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
_OPTIONS: Final[dict[str, Any]] = {
    "responses": {400: _PROBLEM, 413: _PROBLEM, 503: _PROBLEM},
    "openapi_extra": {"requestBody": _EVENT, "security": []},
}

routes = router(prefix="/payments/webhooks", tags=["payments"])


def _from(name: str) -> Callable[[Request], Awaitable[Notice]]:
    async def verified(request: Request) -> Notice:
        # Before the transaction is opened: nobody without a signature gets as far as the database.
        providers: Mapping[str, Provider] = request.app.state.providers
        provider = providers.get(name)
        if provider is None:
            raise SignatureInvalid
        return provider.verify(await request.body(), request.headers, now())

    return verified


@routes.post("/stripe", summary="Stripe tells of an event", **_OPTIONS)
async def take_stripe_webhook(notice: Annotated[Notice, Depends(_from("stripe"))], database: Db) -> WebhookTaken:
    """Store a signed event; 200 means that it will not be lost. A repeat is 200 as well."""
    await store_webhook(database, "stripe", notice)
    return WebhookTaken()


@routes.post("/razorpay", summary="Razorpay tells of an event", **_OPTIONS)
async def take_razorpay_webhook(notice: Annotated[Notice, Depends(_from("razorpay"))], database: Db) -> WebhookTaken:
    """Store a signed event; 200 means that it will not be lost. A repeat is 200 as well."""
    await store_webhook(database, "razorpay", notice)
    return WebhookTaken()
