"""The JSON of orders' API, and the CSV of its sales."""

from orders.schemas.orders import OrderOut, OrdersPage, PaymentIn, PlaceOrder, Refund, Ship
from orders.schemas.sales import SalesOut, SalesPage, place, sheet

__all__ = [
    "OrderOut",
    "OrdersPage",
    "PaymentIn",
    "PlaceOrder",
    "Refund",
    "SalesOut",
    "SalesPage",
    "Ship",
    "place",
    "sheet",
]
