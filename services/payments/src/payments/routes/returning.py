"""Where buyers come back to from a provider. Whatever the address says, the page says what is true."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from common.db import Database
from payments.domain import Status
from payments.errors import SignatureInvalid
from payments.models import Payment
from payments.page import HEADERS, page
from payments.queries import find_accepted, find_payment, find_payment_as
from payments.routes.desk import AskingDesk, Desk, is_told

WAIT: Final = 3.0  # seconds until the page is shown, whatever is known by then
_MOST_FIELDS: Final = 50
_FORM: Final = "application/x-www-form-urlencoded"
# The names an address may call a payment by, and whose name each is; None for our own.
_NAMES: Final = {"payment_id": None, "session_id": "stripe", "razorpay_order_id": "razorpay"}
_REF: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_HTML: Final[dict[str, Any]] = {"content": {"text/html": {}}}
_PARAMETERS: Final = [{"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in _NAMES]

# Providers add parameters of their own to the address, so this router is not strict.
routes = APIRouter(prefix="/payments/return", tags=["payments"])
Outcome = Literal["success", "cancel"]


@routes.get(
    "/{outcome}",
    summary="A buyer comes back from a provider",
    response_class=HTMLResponse,
    responses={404: _HTML},
    openapi_extra={"security": [], "parameters": _PARAMETERS},
)
async def show_payment_page(outcome: Outcome, request: Request, desk: AskingDesk) -> HTMLResponse:  # noqa: ARG001 - the address proves nothing
    """Have the provider asked, wait a moment, show what is true, and lead on to `STOREFRONT_URL`.

    The payment is named by `payment_id`, by Stripe's `session_id` or by `razorpay_order_id`; whatever else a provider
    adds is passed over.
    """
    payment = await _find(desk.database, request.query_params)
    if payment is not None:
        payment = await desk.ask(payment, WAIT, is_told)
    return await _shown(desk, payment)


@routes.head("/{outcome}", include_in_schema=False)
async def look_at_page(outcome: Outcome, request: Request, desk: AskingDesk) -> HTMLResponse:  # noqa: ARG001 - as above
    """What `GET` would answer, for those who follow links before people do: the provider is not asked."""
    return await _shown(desk, await _find(desk.database, request.query_params))


@routes.post(
    "/{outcome}",
    summary="A buyer is handed back by Razorpay's `callback_url`",
    status_code=303,
    response_class=RedirectResponse,
    responses={400: _HTML},
    openapi_extra={"security": [], "requestBody": {"content": {_FORM: {"schema": {"type": "object"}}}}},
)
async def take_posted_hand_back(outcome: Outcome, request: Request, desk: AskingDesk) -> Response:  # noqa: ARG001 - as above
    """Lead on to the page of the payment: the one that Razorpay signed for, else the one the address names.

    Razorpay posts three fields where it was paid, and an error where it was not
    (razorpay.com/docs/payments/payment-gateway/callback-url); the address keeps what was written into it.
    """
    fields = await _form(request)
    razorpay = desk.providers.get("razorpay")
    if razorpay is not None and "razorpay_signature" in fields:
        try:
            return _leading_to("success", {"razorpay_order_id": razorpay.handed_back(fields)})
        except SignatureInvalid:
            return _answer(page(None, None), 400)
    named = {name: value for name, value in request.query_params.items() if name in _NAMES and _REF.fullmatch(value)}
    if not named and (order := _failed_order(fields)):
        named = {"razorpay_order_id": order}
    return _leading_to("cancel", named) if named else _answer(page(None, None), 400)


def _leading_to(outcome: Outcome, named: Mapping[str, str]) -> Response:
    # Beside the address that was posted to, wherever a gateway has put it; and to load it again posts nothing again.
    return RedirectResponse(f"{outcome}?{urlencode(named)}", 303, HEADERS)


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    try:
        return dict(parse_qsl((await request.body()).decode(), max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _failed_order(fields: Mapping[str, str]) -> str | None:
    try:
        order = orjson.loads(fields.get("error[metadata]", ""))["order_id"]
    except (ValueError, LookupError, TypeError):
        return None
    return order if isinstance(order, str) and _REF.fullmatch(order) else None


async def _find(database: Database, given: Mapping[str, str]) -> Payment | None:
    named = [(name, given[name]) for name in _NAMES if _REF.fullmatch(given.get(name, ""))]
    async with database.reading() as session:
        for name, value in named:
            provider = _NAMES[name]
            found = await (find_payment_as(session, provider, value) if provider else find_payment(session, value))
            if found is not None:
                return found
    return None


async def _shown(desk: Desk, payment: Payment | None) -> HTMLResponse:
    kept = False
    if payment is not None and payment.status == Status.SUCCEEDED:
        async with desk.database.reading() as session:
            kept = await find_accepted(session, payment) is not None
    return _answer(page(payment, desk.settings.storefront_url, kept=kept), 200 if payment else 404)


def _answer(html: str, status: int) -> HTMLResponse:
    return HTMLResponse(html, status, HEADERS)
