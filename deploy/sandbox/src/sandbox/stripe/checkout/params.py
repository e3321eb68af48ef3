"""What may be asked of a Checkout Session, and what is wrong with it (docs.stripe.com/api/checkout/sessions/create)."""

import re
from typing import Final
from urllib.parse import urlsplit

from sandbox.provider import JsonObject
from sandbox.stripe.books import now
from sandbox.stripe.currencies import LARGEST, check_amount, check_currency, show, smallest
from sandbox.stripe.errors import ParamsError
from sandbox.stripe.params import (
    ANY,
    INTEGER,
    LIST,
    METADATA,
    OBJECT,
    TEXT,
    Field,
    Kind,
    Schema,
    read,
    refuse_method_types,
)

SHORTEST_LIFE: Final = 30 * 60
LONGEST_LIFE: Final = 24 * 3600
_MOST_ITEMS: Final = 100
_LONGEST_REFERENCE: Final = 200
_LONGEST_URL: Final = 5000
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

# Stripe's parameters that are not listed (taxes, discounts, shipping, subscriptions) are refused as unknown: they would
# change what is to be paid.
CREATE: Final[Schema] = {
    "allowed_payment_method_types": LIST, "billing_address_collection": TEXT, "branding_settings": OBJECT,
    "cancel_url": TEXT, "client_reference_id": TEXT, "consent_collection": OBJECT, "currency": TEXT,
    "custom_text": OBJECT, "customer": TEXT, "customer_creation": Field(Kind.TEXT, ("always", "if_required")),
    "customer_email": TEXT, "excluded_payment_method_types": LIST, "expand": LIST, "expires_at": INTEGER,
    "integration_identifier": TEXT, "line_items": LIST, "locale": TEXT, "metadata": METADATA,
    "mode": Field(Kind.TEXT, ("payment", "setup", "subscription"), required=True),
    "origin_context": Field(Kind.TEXT, ("mobile_app", "web")), "payment_intent_data": OBJECT,
    "payment_method_configuration": TEXT, "payment_method_options": OBJECT, "payment_method_types": ANY,
    "phone_number_collection": OBJECT, "submit_type": Field(Kind.TEXT, ("auto", "book", "donate", "pay", "subscribe")),
    "success_url": TEXT,
    "ui_mode": Field(Kind.TEXT, ("elements", "embedded_page", "form", "hosted_page")),
}  # fmt: skip
LISTED: Final[Schema] = {
    "created": ANY, "customer": TEXT, "customer_account": TEXT, "customer_details": OBJECT, "ending_before": TEXT,
    "expand": LIST, "limit": INTEGER, "payment_intent": TEXT, "payment_link": TEXT, "starting_after": TEXT,
    "status": Field(Kind.TEXT, ("complete", "expired", "open")), "subscription": TEXT,
}  # fmt: skip
LINE_ITEMS: Final[Schema] = {"ending_before": TEXT, "expand": LIST, "limit": INTEGER, "starting_after": TEXT}

_ITEM: Final[Schema] = {
    "adjustable_quantity": OBJECT, "metadata": METADATA, "price": TEXT, "price_data": OBJECT, "quantity": INTEGER,
}  # fmt: skip
_PRICE: Final[Schema] = {
    "currency": Field(Kind.TEXT, required=True), "product_data": Field(Kind.OBJECT, required=True),
    "tax_behavior": Field(Kind.TEXT, ("exclusive", "inclusive", "unspecified")),
    "unit_amount": Field(Kind.INTEGER, required=True),
}  # fmt: skip
_PRODUCT: Final[Schema] = {
    "description": TEXT, "images": LIST, "metadata": METADATA, "name": Field(Kind.TEXT, required=True),
    "tax_code": TEXT, "unit_label": TEXT,
}  # fmt: skip
_INTENT: Final[Schema] = {
    "capture_method": Field(Kind.TEXT, ("automatic", "automatic_async", "manual")), "description": TEXT,
    "metadata": METADATA, "receipt_email": TEXT, "setup_future_usage": Field(Kind.TEXT, ("off_session", "on_session")),
    "shipping": OBJECT, "statement_descriptor": TEXT, "statement_descriptor_suffix": TEXT, "transfer_group": TEXT,
}  # fmt: skip


def check_create(params: JsonObject) -> None:
    """Validate what a new session is asked for and replace its parts by what they mean. Raises `ParamsError`."""
    _check_kind(params)
    for name in ("success_url", "cancel_url"):
        _check_url(name, params.get(name))
    if len(params.get("client_reference_id") or "") > _LONGEST_REFERENCE:
        message = f"Invalid string: must be at most {_LONGEST_REFERENCE} characters"
        raise ParamsError(message, code="parameter_invalid_string_length", param="client_reference_id")
    _check_email("customer_email", params.get("customer_email"))
    _check_expiry(params.get("expires_at"))
    params["line_items"] = _items(params.get("line_items"))
    params["currency"] = _currency(params["line_items"])
    _check_total(sum(item["amount"] for item in params["line_items"]), params["currency"])
    intent = read(_INTENT, params.get("payment_intent_data") or {}, "payment_intent_data")
    _check_email("payment_intent_data[receipt_email]", intent.get("receipt_email"))
    params["payment_intent_data"] = intent


def _check_kind(params: JsonObject) -> None:
    if params["mode"] != "payment":
        raise ParamsError(f"The sandbox has no sessions in {params['mode']} mode.", param="mode")
    if params.get("ui_mode") not in {None, "hosted_page"}:
        raise ParamsError(f"The sandbox has no sessions of ui_mode {params['ui_mode']}.", param="ui_mode")
    refuse_method_types(params)
    if params.get("customer") is not None and params.get("customer_email") is not None:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise ParamsError(message, code="parameters_exclusive", param="customer")
    if params.get("success_url") is None:
        raise ParamsError("Missing required param: success_url.", code="parameter_missing", param="success_url")


def _check_url(name: str, url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good or len(url) > _LONGEST_URL:
        raise ParamsError("Not a valid URL", code="url_invalid", param=name)


def _check_email(name: str, address: str | None) -> None:
    if address is not None and not _EMAIL.fullmatch(address):
        raise ParamsError(f"Invalid email address: {address}", code="email_invalid", param=name)


def _check_expiry(moment: int | None) -> None:
    if moment is None:
        return
    life = moment - now()
    if life < SHORTEST_LIFE:
        bound = "at least 30 minutes"
    elif life > LONGEST_LIFE:
        bound = "less than 24 hours"
    else:
        return
    raise ParamsError(f"The `expires_at` timestamp must be {bound} from Checkout Session creation.", param="expires_at")


def _items(given: list[object] | None) -> list[JsonObject]:
    if not given:
        message = "The `line_items` parameter is required in payment mode."
        raise ParamsError(message, code="parameter_missing", param="line_items")
    if len(given) > _MOST_ITEMS:
        raise ParamsError(f"A session can have at most {_MOST_ITEMS} line items.", param="line_items")
    return [_item(f"line_items[{place}]", item) for place, item in enumerate(given)]


def _item(place: str, given: object) -> JsonObject:
    """One line item, with its `amount`, and price and product as they were given."""
    if not isinstance(given, dict):
        raise ParamsError("Invalid object", param=place)
    item = read(_ITEM, given, place)
    if item.get("price") is not None:
        raise ParamsError(f"No such price: '{item['price']}'", code="resource_missing", param=f"{place}[price]")
    if item.get("price_data") is None:
        message = f"You must specify either `price` or `price_data` for `{place}`."
        raise ParamsError(message, code="parameter_missing", param=place)
    quantity = item.get("quantity")
    if quantity is None:
        message = f"Quantity is required. Add `quantity` to `{place}`"
        raise ParamsError(message, code="parameter_missing", param=f"{place}[quantity]")
    _check_at_least(1, quantity, f"{place}[quantity]")
    price = read(_PRICE, item["price_data"], f"{place}[price_data]")
    price["currency"] = check_currency(price["currency"])
    _check_at_least(0, price["unit_amount"], f"{place}[price_data][unit_amount]")
    product = read(_PRODUCT, price["product_data"], f"{place}[price_data][product_data]")
    return {**item, "price": price, "product": product, "amount": quantity * price["unit_amount"]}


def _check_at_least(least: int, value: int, name: str) -> None:
    if value < least:
        kind = "non-negative integer" if least == 0 else "positive integer"
        raise ParamsError(f"Invalid {kind}", code="parameter_invalid_integer", param=name)


def _currency(items: list[JsonObject]) -> str:
    currencies = {item["price"]["currency"] for item in items}
    if len(currencies) > 1:
        listed = ", ".join(sorted(currencies))
        raise ParamsError(f"All line items must have the same currency; these have {listed}.", param="line_items")
    return str(currencies.pop())


def _check_total(total: int, currency: str) -> None:
    """Nothing at all is allowed (docs.stripe.com/payments/checkout/no-cost-orders), too little is not."""
    if total == 0:
        return
    least = smallest(currency)
    if total < least:
        bound, code = f"add up to at least {show(least, currency)} {currency}", "amount_too_small"
    elif total > LARGEST:
        bound, code = f"be no more than {show(LARGEST, currency)} {currency}", "amount_too_large"
    else:
        check_amount(total, currency)
        return
    raise ParamsError(f"The Checkout Session's total amount due must {bound}", code=code)
