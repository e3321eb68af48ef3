"""Sessions: begun by a login, carried on by refreshes, ended."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auth import queries
from auth.domain import SessionPolicy, Verdict, account_hash, fingerprint, new_secret
from auth.models import EndedBecause, RefreshToken, User, UserSession
from common.contracts.auth import UserLoggedIn, UserLoggedOut, UserLoginFailed
from common.db import fetch, now
from common.outbox import emit

_FORGET_SESSIONS = """
DELETE FROM user_sessions WHERE id IN (
    SELECT id FROM user_sessions WHERE expires_at < now() - interval '1 day' OR ended_at < now() - interval '1 day'
    LIMIT 1000 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login whose password has been checked: who it is for, if anybody, and a better hash to keep, if any."""

    email: str
    user_id: UUID | None
    fits: bool
    better_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """What a login or a refresh gives: the user, a fresh refresh token, and the key to sign the access token with."""

    user: User
    refresh_token: str
    jwk: dict[str, Any]


async def log_in(session: AsyncSession, attempt: Attempt, policy: SessionPolicy) -> Granted | None:
    """Begin a session; return None when the attempt fails, which is a fact to be committed too."""
    user = None
    if attempt.user_id:
        user = await queries.find_user_held(session, attempt.user_id, to_change=attempt.better_hash is not None)
    if user is None or user.disabled or not attempt.fits:
        emit(session, UserLoginFailed(account=account_hash(attempt.email)))
        return None
    if attempt.better_hash:
        user.password_hash = attempt.better_hash
    begun = UserSession(user_id=user.id, expires_at=now() + policy.lifetime)
    session.add(begun)
    await session.flush()
    emit(session, UserLoggedIn(user_id=user.id, session_id=begun.id))
    return await _grant(session, user, begun)


async def refresh(session: AsyncSession, token: str, policy: SessionPolicy) -> Granted | None:
    """Exchange a refresh token for its successor; return None when it is refused, which may have ended its session."""
    found = await queries.find_token_session(session, fingerprint(token))
    if found is None:
        return None
    generation, current = found
    match current.judge(generation, now(), policy):
        case Verdict.OVER:
            return None
        case Verdict.REUSE:
            end_session(session, current, "reuse")
            return None
        case Verdict.REPEAT:
            current.repeat()
        case Verdict.ROTATE:
            current.rotate()
    user = await queries.get_user(session, current.user_id)
    return None if user.disabled else await _grant(session, user, current)


async def log_out(session: AsyncSession, token: str) -> None:
    """End a refresh token's session; nothing happens when it has none or has ended."""
    found = await queries.find_token_session(session, fingerprint(token))
    if found:
        end_session(session, found[1], "logout")


async def forget_old_sessions(session: AsyncSession) -> int:
    """Drop sessions that ended or expired more than a day ago, with their tokens; return how many."""
    return len(await fetch(session, _FORGET_SESSIONS))


def end_session(session: AsyncSession, current: UserSession, because: EndedBecause) -> None:
    """End a session, unless it has ended."""
    if current.end(because):
        emit(
            session,
            UserLoggedOut(user_id=current.user_id, session_id=current.id, reuse=because == "reuse"),
        )


async def _grant(session: AsyncSession, user: User, current: UserSession) -> Granted:
    token = new_secret()
    session.add(RefreshToken(fingerprint=fingerprint(token), session_id=current.id, generation=current.generation))
    return Granted(user, token, await queries.get_signing_jwk(session))
