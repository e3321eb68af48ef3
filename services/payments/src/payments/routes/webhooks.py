"""What the providers send by themselves: verified before the database hears of it, stored before it is answered."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request, Response

from common.db import now
from common.http import router
from common.http.problems import MEDIA_TYPE
from payments.actions.events import store_webhook
from payments.errors import SignatureInvalid
from payments.providers import Provider
from payments.schemas import WebhookTaken

_PROBLEM: Final[dict[str, Any]] = {"content": {MEDIA_TYPE: {}}}
_EVENT: Final = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
_TAKEN: Final = WebhookTaken().model_dump_json()
_OPTIONS: Final[dict[str, Any]] = {
    "response_model": WebhookTaken,
    "responses": {400: _PROBLEM, 413: _PROBLEM, 503: _PROBLEM},
    "openapi_extra": {"requestBody": _EVENT, "security": []},
}

routes = router(prefix="/payments/webhooks", tags=["payments"])


@routes.post("/stripe", summary="Stripe tells of an event", **_OPTIONS)
async def take_stripe_webhook(request: Request) -> Response:
    """Store a signed event; 200 means that it will not be lost. A repeat is 200 as well."""
    return await _take(request, "stripe")


@routes.post("/razorpay", summary="Razorpay tells of an event", **_OPTIONS)
async def take_razorpay_webhook(request: Request) -> Response:
    """Store a signed event; 200 means that it will not be lost. A repeat is 200 as well."""
    return await _take(request, "razorpay")


async def _take(request: Request, name: str) -> Response:
    providers: Mapping[str, Provider] = request.app.state.providers
    if name not in providers:
        raise SignatureInvalid
    notice = providers[name].verify(await request.body(), request.headers, now())
    await store_webhook(request.app.state.database, name, notice)
    return Response(_TAKEN, media_type="application/json")
