"""Payments' tables. A status changes only in the methods here."""

from payments.models.customers import Base, Customer
from payments.models.listening import Cursor, ProviderEvent
from payments.models.payments import Capture, Payment, PaymentTransition
from payments.models.refunds import Refund, RefundTransition

__all__ = [
    "Base",
    "Capture",
    "Cursor",
    "Customer",
    "Payment",
    "PaymentTransition",
    "ProviderEvent",
    "Refund",
    "RefundTransition",
]
