"""The ways an order request can fail."""

from typing import ClassVar

from common.errors import Conflict, Invalid, NotFound


class OrderNotFound(NotFound):
    """There is no such order, or it is not yours."""


class OrderMovedOn(Conflict):
    """The order is no longer in a state that allows this."""


class ProductNotReady(Conflict):
    """A product of this order is not known here, or not yet: try again shortly."""


class ProductNotForSale(Conflict):
    """A product of this order is not for sale."""


class VariantRequired(Invalid):
    """A product of this order is sold in variants: name one."""


class QuantityOutOfRange(Invalid):
    """The seller wants fewer or more pieces of a product in one order."""


class CurrencyNotOffered(Invalid):
    """A product of this order has no price in its currency."""


class PriceChanged(Conflict):
    """The total is not the expected one: show the new prices and ask again."""


class MixedCurrencies(Invalid):
    """All lines of an order must have one currency."""


class AmountNotChargeable(Invalid):
    """The payment provider cannot charge this amount."""


class ProviderNotConfigured(Invalid):
    """This way to pay is not available in this shop."""


class OrderNotPayable(Conflict):
    """The order cannot be paid now: `order_status` says why."""


class PaymentInProgress(Conflict):
    """Money for this order is on its way or here: wait for what comes of it."""


class PaymentBeingOpened(Conflict):
    """Another attempt to pay this order is just being opened: use that one, or try again shortly."""

    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class RefundInProgress(Conflict):
    """The order's money is already on its way back."""


class NothingToRefund(Conflict):
    """The order holds no money that could go back."""


class TooManyOpenOrders(Conflict):
    """Pay for, or let expire, an open order before you place another."""


class NothingToShip(Conflict):
    """The order has no physical line that waits to be shipped."""


class BadPeriod(Invalid):
    """Ask for at most 366 days, the first of which is not after the last."""


class SheetTooLong(Invalid):
    """A sheet has at most 20000 rows: ask for fewer days, or add them up by day or by product."""


class SheetNotPaged(Invalid):
    """A sheet is sent whole: `limit` and `cursor` are for lists."""
