"""A change of a status and the event that tells of it become rows together."""

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import AssetTransition, GrantTransition, HoldingTransition, ProductTransition
from common.events import Event, Lane
from common.outbox import emit


def tell(
    session: AsyncSession,
    change: AssetTransition | GrantTransition | HoldingTransition | ProductTransition,
    fact: Event | None = None,
    lane: Lane = "live",
) -> None:
    """Record a change, and the fact with it where there is one."""
    if fact is not None:
        change.event_id, change.event_type = emit(session, fact, lane=lane), fact.wire
    session.add(change)
