"""Orders' tables."""

from orders.models.copies import Customer, Product
from orders.models.orders import Line, Order, Transition
from orders.models.sales import SaleEntry
from orders.models.tables import Base

__all__ = ["Base", "Customer", "Line", "Order", "Product", "SaleEntry", "Transition"]
