"""The ways an order request can fail."""

from common.errors import Conflict, Invalid, NotFound


class OrderNotFound(NotFound):
    """There is no such order, or it is not yours."""


class OrderMovedOn(Conflict):
    """The order is no longer in a state that allows this."""


class ProductNotReady(Conflict):
    """A product of this order is not known here, or not yet: try again shortly."""


class ProductNotForSale(Conflict):
    """A product of this order is not for sale."""


class PriceChanged(Conflict):
    """The total is not the expected one: show the new prices and ask again."""


class MixedCurrencies(Invalid):
    """All lines of an order must have one currency."""


class AmountNotChargeable(Invalid):
    """The payment provider cannot charge this amount."""


class ProviderNotConfigured(Invalid):
    """This way to pay is not available in this shop."""


class TooManyOpenOrders(Conflict):
    """Pay for, or let expire, an open order before you place another."""


class NothingToShip(Conflict):
    """The order has no physical line that waits to be shipped."""
