"""The JSON of Checkout Sessions and their line items at birth (docs.stripe.com/api/checkout/sessions/object)."""

from typing import Final

from sandbox.provider import JsonObject
from sandbox.store import new_id
from sandbox.stripe.books import now
from sandbox.stripe.checkout.params import LONGEST_LIFE
from sandbox.stripe.objects import offered

_PASSED_ON: Final = (
    "allowed_payment_method_types", "billing_address_collection", "cancel_url", "client_reference_id",
    "consent_collection", "customer", "customer_email", "excluded_payment_method_types", "integration_identifier",
    "locale", "origin_context", "submit_type", "success_url",
)  # fmt: skip
_NULL: Final = (
    "after_expiration", "allow_promotion_codes", "client_secret", "collected_information", "consent",
    "currency_conversion", "customer_account", "invoice", "name_collection", "optional_items", "payment_intent",
    "payment_link", "payment_method_configuration_details", "permissions", "presentment_details", "recovered_from",
    "redirect_on_completion", "return_url", "saved_payment_method_options", "setup_intent",
    "shipping_address_collection", "shipping_cost", "subscription", "tax_id_collection", "wallet_options",
)  # fmt: skip
_TEXTS: Final = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
_BRANDING: Final = {
    "background_color": "#ffffff", "border_style": "rounded", "button_color": "#0074d4", "display_name": "Souk",
    "font_family": "default", "icon": None, "logo": None,
}  # fmt: skip
_INVOICE: Final = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")


def new_session(params: JsonObject, page: str) -> JsonObject:
    """A Checkout Session; `page` is where the hosted pages live.

    `payment_intent` is null until the customer tries to pay (docs.stripe.com/changelog/2022-08-01).
    """
    session_id = new_id("cs_test_a1", 56)
    created = now()
    total = sum(item["amount"] for item in params["line_items"])
    session: JsonObject = {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "branding_settings": _BRANDING | (params.get("branding_settings") or {}),
        "created": created,
        "currency": params["currency"],
        "custom_fields": [],
        "custom_text": dict.fromkeys(_TEXTS) | (params.get("custom_text") or {}),
        "customer_creation": params.get("customer_creation") or "if_required",
        "customer_details": _customer(params.get("customer_email")),
        "discounts": [],
        "expires_at": params.get("expires_at") or created + LONGEST_LIFE,
        "invoice_creation": {"enabled": False, "invoice_data": dict.fromkeys(_INVOICE) | {"metadata": {}}},
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": params.get("metadata") or {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": offered(params),
        "payment_status": "unpaid" if total else "no_payment_required",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{page}/{session_id}",
    }
    return session | dict.fromkeys(_NULL) | {name: params.get(name) for name in _PASSED_ON}


def _customer(email: str | None) -> JsonObject | None:
    return None if email is None else customer_details(email, None)


def customer_details(email: str | None, name: str | None) -> JsonObject:
    """What is known of whoever pays."""
    details: JsonObject = dict.fromkeys(("address", "business_name", "individual_name", "phone"))
    return details | {"email": email, "name": name, "tax_exempt": "none", "tax_ids": []}


def new_item(item: JsonObject) -> JsonObject:
    """A line item (docs.stripe.com/api/checkout/sessions/line_items)."""
    price, product = item["price"], item["product"]
    return {
        "id": new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": item["amount"],
        "amount_tax": 0,
        "amount_total": item["amount"],
        "currency": price["currency"],
        "description": product["name"],
        "metadata": item.get("metadata") or {},
        "price": _price(price, product),
        "quantity": item["quantity"],
    }


def _price(price: JsonObject, product: JsonObject) -> JsonObject:
    """The price an inline one becomes: inactive, so that nobody uses it again (docs.stripe.com/api/prices/object)."""
    nothing = ("custom_unit_amount", "lookup_key", "nickname", "recurring", "tiers_mode", "transform_quantity")
    return {
        "id": new_id("price_1"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now(),
        "currency": price["currency"],
        "livemode": False,
        "metadata": product.get("metadata") or {},
        "product": new_id("prod_", 14),
        "tax_behavior": price.get("tax_behavior") or "unspecified",
        "type": "one_time",
        "unit_amount": price["unit_amount"],
        "unit_amount_decimal": str(price["unit_amount"]),
    } | dict.fromkeys(nothing)
