"""Signing keys: made ahead of their time, dropped when their last token has expired."""

from sqlalchemy.ext.asyncio import AsyncSession

from auth import queries
from auth.domain import KeyPolicy
from auth.models import SigningKey
from auth.tokens import new_jwk
from common.db import now


async def tend_signing_keys(session: AsyncSession, policy: KeyPolicy) -> None:
    """Make the keys that are due, drop those without living tokens; replicas agree, for one at a time does it."""
    keys, moment = await queries.lock_signing_keys(session), now()
    starts = [key.signs_from for key in keys]
    for start in policy.missing(starts, moment):
        jwk = new_jwk()
        session.add(SigningKey(kid=jwk["kid"], jwk=jwk, signs_from=start))
    outlived = policy.outlived(starts, moment)
    for key in keys:
        if key.signs_from in outlived:
            await session.delete(key)
    await session.flush()
