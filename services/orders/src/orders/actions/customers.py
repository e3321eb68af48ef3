"""Keeping orders' copy of the customers: the highest version wins, whatever the order of arrival."""

from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.auth import UserRegistered, UserUpdated
from common.db import fetch

_KEEP = """
INSERT INTO customers (user_id, name, email, version) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id) DO UPDATE SET name = $2, email = $3, version = $4 WHERE customers.version < $4
"""


async def keep_customer(session: AsyncSession, fact: UserRegistered | UserUpdated) -> None:
    """Note a user's name and address as they now are."""
    await fetch(session, _KEEP, fact.user_id, fact.name, fact.email, fact.version_number)
