"""The ways in which catalog says no."""

from common.errors import Conflict, Invalid, NotFound


class ProductNotFound(NotFound):
    """There is no such product, or it is not yours."""


class CategoryNotFound(NotFound):
    """There is no such category."""


class ProductNoLongerSold(Conflict):
    """The product is archived and cannot be changed."""


class SlugTaken(Conflict):
    """Another product has this slug."""


class SkuTaken(Conflict):
    """Another of your products has this sku."""


class CategoryTaken(Conflict):
    """There is a category of this name at this place."""


class CategoryInUse(Conflict):
    """The category has products or categories in it."""


class CategoryTooDeep(Invalid):
    """A category has at most five levels, and cannot be moved below itself."""


class VariantNotFound(NotFound):
    """The product has no such variant."""


class VariantRequired(Invalid):
    """The product is sold in variants: name one."""


class PricedByVariant(Invalid):
    """The product is sold in variants, and each has its own prices."""


class PriceWithoutTime(Invalid):
    """A planned price begins before it ends."""


class PricesOverlap(Invalid):
    """Two prices in one currency hold at the same time."""


class VariantsAlike(Invalid):
    """Variants have the same options with different values."""


class MixedCurrencies(Invalid):
    """The ordinary prices of all variants are in one currency; others are further prices."""


class QuantitiesCross(Invalid):
    """The least quantity is not above the most."""


class StockIsUnlimited(Conflict):
    """The stock is unlimited: there is nothing to count."""


class StockTooLow(Conflict):
    """That would take away stock which is reserved for orders or is not there."""


class ForbiddenMove(Exception):  # noqa: N818 - names what was tried
    """A status was to change in a way the table of moves does not have: a fault of ours."""
