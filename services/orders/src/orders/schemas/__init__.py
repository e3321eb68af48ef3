"""The JSON of orders' API, and the CSV of its sales."""

from orders.schemas.orders import OrderOut, OrdersPage, PaymentIn, PlaceOrder, Refund, Ship

__all__ = ["OrderOut", "OrdersPage", "PaymentIn", "PlaceOrder", "Refund", "Ship"]
