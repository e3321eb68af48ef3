"""Downloads as JSON."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel

from catalog.models import Grant
from common.http.fields import TimeOut


class DownloadOut(BaseModel):
    """A right to download what was bought."""

    id: UUID
    order_id: UUID
    line_id: UUID
    product_id: UUID
    name: str
    created_at: TimeOut
    revoked: bool

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """Return it as JSON."""
        return cls(
            id=grant.id,
            order_id=grant.order_id,
            line_id=grant.line_id,
            product_id=grant.product_id,
            name=grant.name,
            created_at=grant.created_at,
            revoked=grant.revoked,
        )
