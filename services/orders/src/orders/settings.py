"""The variables only orders reads."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final

from pydantic import Field, field_validator

from common.settings import Duration, ServiceSettings
from orders.domain import CLOSES_WITHIN

WAYS: Final = ("stripe:intent", "stripe:checkout", "razorpay:checkout")


class OrdersSettings(ServiceSettings):
    """How long an order may stay unpaid, and which ways to pay are offered."""

    service: ClassVar[str] = "orders"

    expires_after: Annotated[Duration, Field(alias="ORDER_EXPIRES_AFTER")] = timedelta(minutes=30)
    closes_within: Annotated[Duration, Field(alias="ORDER_CLOSES_WITHIN")] = CLOSES_WITHIN
    expiry_poll: Annotated[Duration, Field(alias="ORDER_EXPIRY_POLL")] = timedelta(seconds=5)
    max_open_orders: Annotated[int, Field(alias="MAX_OPEN_ORDERS_PER_USER", ge=0)] = 0
    payment_methods: Annotated[str | None, Field(alias="PAYMENT_METHODS")] = None

    @field_validator("payment_methods")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        if given is not None and not set(given.split(",")) <= set(WAYS):
            message = f"name some of {', '.join(WAYS)}, separated by commas"
            raise ValueError(message)
        return given

    def offers(self, provider: str, flow: str) -> bool:
        """Say whether this way to pay is offered: what the setting names, else in development all, else Stripe's."""
        if self.payment_methods is not None:
            return f"{provider}:{flow}" in self.payment_methods.split(",")
        return f"{provider}:{flow}" in WAYS and (self.environment == "development" or provider == "stripe")
