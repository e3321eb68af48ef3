"""The HTTP door of orders."""

from orders.routes.following import following
from orders.routes.orders import orders
from orders.routes.sales import sales

ROUTERS = [orders, following, sales]

__all__ = ["ROUTERS"]
