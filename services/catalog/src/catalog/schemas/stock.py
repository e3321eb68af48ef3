"""Stock and its journal as JSON."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from catalog.models import StockEntry
from catalog.schemas.fields import Delta
from common.http.fields import Id, Line, Strict, TimeOut


class StockChange(Strict):
    """So many pieces more, or fewer, and why; of a product that is sold in variants, of which."""

    delta: Delta
    reason: Annotated[Line, Field(min_length=1, max_length=200)]
    variant_id: Id | None = None

    def entry(self, product_id: UUID, actor_id: UUID) -> StockEntry:
        """Return it as a line of the journal."""
        variant_id = self.variant_id or product_id
        return StockEntry(variant_id=variant_id, delta=self.delta, reason=self.reason, actor_id=actor_id)


class StockLineOut(BaseModel):
    """A line of the stock journal: who did it, or which order it was sold to."""

    id: UUID
    variant_id: UUID
    delta: int
    reason: str
    actor_id: UUID | None
    order_id: UUID | None
    created_at: TimeOut

    @classmethod
    def of(cls, entry: StockEntry) -> Self:
        """Return it as JSON."""
        return cls(
            id=entry.id,
            variant_id=entry.variant_id,
            delta=entry.delta,
            reason=entry.reason,
            actor_id=entry.actor_id,
            order_id=entry.order_id,
            created_at=entry.at,
        )


class StockEntryOut(BaseModel):
    """A line of the stock journal, and what is free after it."""

    id: UUID
    product_id: UUID
    variant_id: UUID
    delta: int
    reason: str
    stock: int
    created_at: TimeOut

    @classmethod
    def of(cls, entry: StockEntry, product_id: UUID, stock: int) -> Self:
        """Return it as JSON."""
        return cls(
            id=entry.id,
            product_id=product_id,
            variant_id=entry.variant_id,
            delta=entry.delta,
            reason=entry.reason,
            stock=stock,
            created_at=entry.at,
        )
