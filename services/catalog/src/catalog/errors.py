"""The ways in which catalog says no."""

from common.errors import Conflict, NotFound


class ProductNotFound(NotFound):
    """There is no such product, or it is not yours."""


class ProductNoLongerSold(Conflict):
    """The product is archived and cannot be changed."""


class StockIsUnlimited(Conflict):
    """The product's stock is unlimited: there is nothing to count."""


class StockTooLow(Conflict):
    """That would take away stock which is reserved for orders or is not there."""


class ForbiddenMove(Exception):  # noqa: N818 - names what was tried
    """A status was to change in a way the table of moves does not have: a fault of ours."""
