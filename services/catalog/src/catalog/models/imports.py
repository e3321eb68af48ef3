"""Products that are imported, and what becomes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from catalog.models.products import Product
from catalog.models.wishes import Edit
from common.errors import Problem

State = Literal["created", "updated", "unchanged", "refused"]
Made = tuple[Product, dict[UUID, int]]


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A product to import: how it is put up where the seller has none of this sku yet, and how changed where he has.

    What is in stock counts when it is put up; later it is counted otherwise.
    """

    sku: str
    category: str | None
    make: Callable[[], Made]
    edit: Edit


@dataclass(slots=True)
class ImportResult:
    """What became of a line."""

    state: State
    product_id: UUID | None = None
    problem: Problem | None = None
