"""The variables only orders reads."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from common.settings import Duration, ServiceSettings


class OrdersSettings(ServiceSettings):
    """How long an order may stay unpaid, and which ways to pay are offered."""

    service: ClassVar[str] = "orders"

    expires_after: Annotated[Duration, Field(alias="ORDER_EXPIRES_AFTER")] = timedelta(minutes=30)
    closes_within: Annotated[Duration, Field(alias="ORDER_CLOSES_WITHIN")] = timedelta(minutes=15)
    expiry_poll: Annotated[Duration, Field(alias="ORDER_EXPIRY_POLL")] = timedelta(seconds=5)
    max_open_orders: Annotated[int, Field(alias="MAX_OPEN_ORDERS_PER_USER", ge=0)] = 0
    payment_methods: Annotated[str, Field(alias="PAYMENT_METHODS", pattern=r"^[a-z]+:[a-z]+(,[a-z]+:[a-z]+)*$")] = (
        "stripe:intent"
    )

    def offers(self, provider: str, flow: str) -> bool:
        """Say whether this way to pay is offered."""
        return f"{provider}:{flow}" in self.payment_methods.split(",")
