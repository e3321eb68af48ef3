"""The JSON of Stripe's objects at their birth: every documented field, most of them null (docs.stripe.com/api)."""

from typing import Final

from sandbox.provider import JsonObject
from sandbox.store import new_id
from sandbox.stripe.books import now
from sandbox.stripe.cards import Decline, Method

_PASSED_ON: Final = (
    "application_fee_amount", "customer", "customer_account", "description", "excluded_payment_method_types",
    "on_behalf_of", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_data", "transfer_group",
)  # fmt: skip
_OURS: Final = ("card", "link", "us_bank_account")
_NO_ADDRESS: Final = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
_EXPIRY_YEAR: Final = 2034


def offered(params: JsonObject) -> list[str]:
    """The account's payment methods as a request narrows them.

    Follows docs.stripe.com/payments/payment-methods/dynamic-payment-methods.
    """
    allowed = params.get("allowed_payment_method_types") or _OURS
    excluded = params.get("excluded_payment_method_types") or ()
    return [kind for kind in _OURS if kind in allowed and kind not in excluded]


def new_intent(params: JsonObject, types: list[str] | None = None) -> JsonObject:
    """A PaymentIntent (docs.stripe.com/api/payment_intents/object); `types` are those its Checkout Session offers.

    Unless told otherwise the account's own methods apply, as if `automatic_payment_methods` were enabled; the account
    here has cards, Link and bank debits, none of which redirects, so `return_url` stays optional.
    """
    intent_id = new_id("pi_3")
    automatic = params.get("automatic_payment_methods")
    if types is None and automatic is None:
        automatic = {"enabled": "true"}
    intent: JsonObject = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "automatic_payment_methods": _automatic(automatic),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method") or "automatic_async",
        "client_secret": f"{intent_id}_secret_{new_id('', 25)}",
        "confirmation_method": params.get("confirmation_method") or "automatic",
        "created": now(),
        "currency": params["currency"],
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "next_action": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": dict.fromkeys(("installments", "mandate_options", "network"))},
        "payment_method_types": types or offered(params),
        "processing": None,
        "review": None,
        "source": None,
        "status": "requires_payment_method",
    }
    intent["payment_method_options"]["card"]["request_three_d_secure"] = "automatic"
    return intent | {name: params.get(name) for name in _PASSED_ON}


def _automatic(given: JsonObject | None) -> JsonObject | None:
    if given is None:
        return None
    redirects = given.get("allow_redirects")
    enabled: JsonObject = {"enabled": given.get("enabled") in {"true", True}}
    return enabled | ({"allow_redirects": redirects} if redirects else {})


def new_method(method: Method, billing: JsonObject | None = None) -> JsonObject:
    """A PaymentMethod (docs.stripe.com/api/payment_methods/object)."""
    given = billing or {}
    kind = "us_bank_account" if method.bank else "card"
    details: JsonObject = {"address": _NO_ADDRESS | (given.get("address") or {})}
    return {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": details | {name: given.get(name) for name in ("email", "name", "phone")},
        kind: _bank(method) if method.bank else _card(method),
        "created": now(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }


def _card(method: Method) -> JsonObject:
    return {
        "brand": method.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "unchecked"},
        "country": method.country,
        "display_brand": method.brand,
        "exp_month": 12,
        "exp_year": _EXPIRY_YEAR,
        "fingerprint": None,
        "funding": method.funding,
        "last4": method.number[-4:],
        "networks": {"available": [method.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank(method: Method) -> JsonObject:
    bank = {"account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK"}
    return {**bank, "last4": method.number[-4:], "routing_number": "110000000"}


def new_charge(intent: JsonObject, method: JsonObject, decline: Decline | None, *, captured: bool) -> JsonObject:
    """A Charge (docs.stripe.com/api/charges/object). A declined one is kept too, as `failed`.

    `balance_transaction` stays null: with asynchronous capture it is not known when the charge is made.
    """
    amount = intent["amount"]
    paid = decline is None
    charge: JsonObject = {
        "id": new_id("ch_3"),
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if captured and paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SOUK",
        "captured": captured and paid,
        "created": now(),
        "currency": intent["currency"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if decline is None else decline.code,
        "failure_message": None if decline is None else decline.message,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {method["type"]: method[method["type"]], "type": method["type"]},
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "source_transfer": None,
        "status": "succeeded" if paid else "failed",
    }
    return charge | {
        name: intent[name] for name in _PASSED_ON if name not in {"setup_future_usage", "customer_account"}
    }


def _outcome(decline: Decline | None) -> JsonObject:
    """docs.stripe.com/declines#decline-outcomes."""
    if decline is None:
        authorized = {"network_status": "approved_by_network", "reason": None, "type": "authorized"}
        return {**authorized, "risk_level": "normal", "risk_score": 20, "seller_message": "Payment complete."}
    reason = decline.decline_code or decline.code
    declined = {"network_status": "declined_by_network", "reason": reason, "type": "issuer_declined"}
    message = "The bank did not return any further details with this decline."
    return {**declined, "risk_level": "normal", "risk_score": 20, "seller_message": message}


def new_refund(charge: JsonObject, params: JsonObject, status: str) -> JsonObject:
    """A Refund (docs.stripe.com/api/refunds/object)."""
    kind = charge["payment_method_details"]["type"]
    details: JsonObject = {"type": kind}
    if kind == "card":
        details["card"] = {
            "reference_status": "pending",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        }
    return {
        "id": new_id("re_3"),
        "object": "refund",
        "amount": params["amount"],
        "balance_transaction": None,
        "charge": charge["id"],
        "created": now(),
        "currency": charge["currency"],
        "destination_details": details,
        "metadata": params.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
