"""HTTP door: the providers' webhooks, buyers who come back, and payments to look at."""

from payments.routes.payments import routes as looking
from payments.routes.webhooks import routes as webhooks

__all__ = ["looking", "webhooks"]
