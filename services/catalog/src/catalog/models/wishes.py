"""What sellers wish of a product and its variants."""

from dataclasses import dataclass, field
from uuid import UUID

from catalog.domain import Price, ProductStatus
from catalog.models.products import Changes
from catalog.models.variants import Variant
from common.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A variant as it should be: one that is there already by its id, or a new one with its stock (None: unlimited).

    The first of its prices is the ordinary one in the product's own currency.
    """

    id: UUID | None = None
    options: dict[str, str]
    sku: str | None = None
    prices: list[Price]
    stock: int | None = field(default=None)

    def variant(self, product_id: UUID, position: int) -> Variant:
        """Return it as a new variant."""
        return Variant(product_id=product_id, position=position, options=self.options, sku=self.sku, prices=self.prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What to change of a product; what is None stays as it is.

    `category` is a path, the empty one for none. `price` is the ordinary price of a plain product, `prices` all its
    others; `wishes` are the variants of one that is sold in several.
    """

    changes: Changes
    category: str | None = None
    price: Money | None = None
    prices: list[Price] | None = None
    wishes: list[Wish] | None = None
    status: ProductStatus | None = None
