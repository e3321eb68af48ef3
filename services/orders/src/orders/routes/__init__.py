"""The HTTP door of orders."""

from orders.routes.orders import orders
from orders.routes.sales import sales

ROUTERS = [orders, sales]

__all__ = ["ROUTERS"]
