"""The parameters each operation accepts (docs.stripe.com/api, version 2026-10-28.endive)."""

from typing import Final

from sandbox.stripe.params import ANY, BOOLEAN, INTEGER, LIST, METADATA, OBJECT, TEXT, Field, Kind

_EXPAND: Final = {"expand": LIST}
_PAGE: Final = {"limit": INTEGER, "starting_after": TEXT, "ending_before": TEXT, "created": ANY, **_EXPAND}
_CAPTURE_METHOD: Final = Field(Kind.TEXT, ("automatic", "automatic_async", "manual"))
_FUTURE_USAGE: Final = Field(Kind.TEXT, ("off_session", "on_session"))
_DESCRIBING: Final = {
    "amount_details": OBJECT, "application_fee_amount": INTEGER, "customer": TEXT, "customer_account": TEXT,
    "description": TEXT, "excluded_payment_method_types": LIST, "hooks": OBJECT, "metadata": METADATA,
    "payment_details": OBJECT, "payment_method": TEXT, "payment_method_configuration": TEXT,
    "payment_method_data": OBJECT, "payment_method_options": OBJECT, "payment_method_types": ANY,
    "allowed_payment_method_types": LIST, "receipt_email": TEXT, "setup_future_usage": _FUTURE_USAGE,
    "shipping": OBJECT, "statement_descriptor": TEXT, "statement_descriptor_suffix": TEXT,
    "transfer_data": OBJECT, "transfer_group": TEXT,
}  # fmt: skip
_CONFIRMING: Final = {
    "confirmation_token": TEXT, "error_on_requires_action": BOOLEAN, "mandate": TEXT, "mandate_data": OBJECT,
    "off_session": ANY, "radar_options": OBJECT, "return_url": TEXT, "use_stripe_sdk": BOOLEAN,
}  # fmt: skip

INTENT_CREATE: Final = {
    "amount": Field(Kind.INTEGER, required=True), "currency": Field(Kind.TEXT, required=True),
    "automatic_payment_methods": OBJECT, "capture_method": _CAPTURE_METHOD, "confirm": BOOLEAN,
    "confirmation_method": Field(Kind.TEXT, ("automatic", "manual")), "on_behalf_of": TEXT,
    **_DESCRIBING, **_CONFIRMING, **_EXPAND,
}  # fmt: skip
INTENT_UPDATE: Final = {
    "amount": INTEGER, "currency": TEXT, "capture_method": _CAPTURE_METHOD, **_DESCRIBING, **_EXPAND,
}  # fmt: skip
INTENT_CONFIRM: Final = {
    "amount_details": OBJECT, "capture_method": _CAPTURE_METHOD, "client_secret": TEXT, "payment_method": TEXT,
    "excluded_payment_method_types": LIST, "hooks": OBJECT, "payment_details": OBJECT, "payment_method_data": OBJECT,
    "payment_method_options": OBJECT, "payment_method_types": ANY, "allowed_payment_method_types": LIST,
    "receipt_email": TEXT, "setup_future_usage": _FUTURE_USAGE, "shipping": OBJECT, **_CONFIRMING, **_EXPAND,
}  # fmt: skip
INTENT_CAPTURE: Final = {
    "amount_details": OBJECT, "amount_to_capture": INTEGER, "application_fee_amount": INTEGER, "final_capture": BOOLEAN,
    "hooks": OBJECT, "metadata": METADATA, "payment_details": OBJECT, "statement_descriptor": TEXT,
    "statement_descriptor_suffix": TEXT, "transfer_data": OBJECT, **_EXPAND,
}  # fmt: skip
INTENT_CANCEL: Final = {
    "cancellation_reason": Field(Kind.TEXT, ("duplicate", "fraudulent", "requested_by_customer", "abandoned")),
    **_EXPAND,
}  # fmt: skip
INTENT_RETRIEVE: Final = {"client_secret": TEXT, **_EXPAND}
INTENT_LIST: Final = {"customer": TEXT, "customer_account": TEXT, **_PAGE}

RETRIEVE: Final = _EXPAND
CHARGE_LIST: Final = {"customer": TEXT, "payment_intent": TEXT, "transfer_group": TEXT, **_PAGE}
EVENT_LIST: Final = {"delivery_success": BOOLEAN, "type": TEXT, "types": LIST, **_PAGE}

REFUND_CREATE: Final = {
    "amount": INTEGER, "charge": TEXT, "currency": TEXT, "customer": TEXT, "instructions_email": TEXT,
    "metadata": METADATA, "origin": TEXT, "payment_intent": TEXT,
    "reason": Field(Kind.TEXT, ("duplicate", "fraudulent", "requested_by_customer")),
    "refund_application_fee": BOOLEAN, "reverse_transfer": BOOLEAN, **_EXPAND,
}  # fmt: skip
REFUND_UPDATE: Final = {"metadata": METADATA, **_EXPAND}
REFUND_LIST: Final = {"charge": TEXT, "payment_intent": TEXT, **_PAGE}

METHOD_CREATE: Final = {
    "allow_redisplay": TEXT, "billing_details": OBJECT, "card": OBJECT, "metadata": METADATA,
    "type": Field(Kind.TEXT, ("card", "us_bank_account"), required=True), "us_bank_account": OBJECT, **_EXPAND,
}  # fmt: skip
