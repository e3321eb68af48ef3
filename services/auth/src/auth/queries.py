"""Every SELECT of the auth service. Who locks several rows locks users first, then sessions, each in order of id."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.errors import NoSigningKey, UserNotFound
from auth.models import RefreshToken, SigningKey, User, UserSession
from common.db import now

_SIGNING_KEYS_LOCK = 5058


async def find_user_by_email(session: AsyncSession, email: str) -> User | None:
    """Return who has the normalised address."""
    return await session.scalar(select(User).where(User.email == email))


async def get_user(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    """Return a user, locked for a change if wanted; raises UserNotFound."""
    user = await session.get(User, user_id, with_for_update=True if lock else None)
    if user is None:
        raise UserNotFound
    return user


async def find_user_held(session: AsyncSession, user_id: UUID, *, to_change: bool) -> User | None:
    """Return a user as committed by now, whom nobody else can change before this transaction ends."""
    return await session.get(User, user_id, with_for_update={"read": not to_change})


async def lock_users(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, User]:
    """Return these users locked for a change, always in the same order."""
    rows = await session.scalars(select(User).where(User.id.in_(ids)).order_by(User.id).with_for_update())
    return {user.id: user for user in rows}


async def list_users(session: AsyncSession, after: UUID | None, limit: int, email: str | None) -> Sequence[User]:
    """Return one row more than a page of users, oldest first."""
    query = select(User).order_by(User.id).limit(limit + 1)
    if after is not None:
        query = query.where(User.id > after)
    if email is not None:
        query = query.where(User.email == email)
    return (await session.scalars(query)).all()


async def find_token_session(session: AsyncSession, fingerprint: bytes) -> tuple[int, UserSession] | None:
    """Return a refresh token's generation and its session, locked."""
    query = (
        select(RefreshToken.generation, UserSession)
        .join(UserSession, UserSession.id == RefreshToken.session_id)
        .where(RefreshToken.fingerprint == fingerprint)
        .with_for_update(of=UserSession)
    )
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def list_live_sessions(session: AsyncSession, user_id: UUID) -> Sequence[UserSession]:
    """Return a user's sessions that have not ended, locked."""
    live = select(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    return (await session.scalars(live.order_by(UserSession.id).with_for_update())).all()


async def lock_signing_keys(session: AsyncSession) -> Sequence[SigningKey]:
    """Return all signing keys; who calls this elsewhere waits until this transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(_SIGNING_KEYS_LOCK)))
    return (await session.scalars(select(SigningKey).order_by(SigningKey.signs_from))).all()


async def get_signing_jwk(session: AsyncSession) -> dict[str, Any]:
    """Return the private key that signs now; raises NoSigningKey."""
    begun = select(SigningKey.jwk).where(SigningKey.signs_from <= now()).order_by(SigningKey.signs_from.desc())
    jwk: dict[str, Any] | None = await session.scalar(begun.limit(1))
    if jwk is None:
        raise NoSigningKey
    return jwk


async def get_jwks(session: AsyncSession) -> list[dict[str, Any]]:
    """Return all private keys, those that sign later included; raises NoSigningKey rather than return none."""
    jwks = (await session.scalars(select(SigningKey.jwk).order_by(SigningKey.signs_from))).all()
    if not jwks:
        raise NoSigningKey
    return list(jwks)
