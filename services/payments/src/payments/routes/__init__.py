"""HTTP door: the providers' webhooks, buyers who come back, and payments to look at."""

from payments.routes import payments, returning, webhooks

routers = [webhooks.routes, returning.routes, payments.routes]

__all__ = ["routers"]
