"""What auth can do: accounts, sessions, signing keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auth import queries
from auth.domain import ADMIN, KeyPolicy, SessionPolicy, UserChanges, Verdict, account_hash, fingerprint, new_secret
from auth.errors import EmailTaken, OwnAdminRole, UserNotFound
from auth.models import EndedBecause, RefreshToken, SigningKey, User, UserSession
from auth.tokens import new_jwk
from common.contracts.auth import UserLoggedIn, UserLoggedOut, UserLoginFailed, UserRegistered, UserUpdated
from common.db import fetch, now
from common.errors import Forbidden, Unauthenticated
from common.outbox import emit

_FORGET_SESSIONS = """
DELETE FROM user_sessions WHERE id IN (
    SELECT id FROM user_sessions WHERE expires_at < now() - interval '1 day' OR ended_at < now() - interval '1 day'
    LIMIT 1000 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What an account is made of."""

    name: str
    email: str
    password_hash: str
    roles: Sequence[str] = ("customer",)


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


async def register(session: AsyncSession, account: Account) -> User:
    """Make an account; raises EmailTaken."""
    user = User(
        name=account.name, email=account.email, password_hash=account.password_hash, roles=sorted(account.roles)
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTaken from error
    emit(
        session,
        UserRegistered(
            user_id=user.id, name=user.name, email=user.email, roles=user.roles, version_number=user.version
        ),
    )
    return user


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
            _end(session, current, "reuse")
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
        _end(session, found[1], "logout")


async def rename(session: AsyncSession, user_id: UUID, name: str) -> User:
    """Give a user another name; raises Unauthenticated for an account that cannot be used any more."""
    try:
        user = await queries.get_user(session, user_id, lock=True)
    except UserNotFound as error:
        raise Unauthenticated from error
    if user.disabled:
        raise Unauthenticated
    if user.rename(name):
        _tell_update(session, user)
    return user


async def administer(session: AsyncSession, admin_id: UUID, user_id: UUID, changes: UserChanges) -> User:
    """Change a user's roles or stop the account, which ends its sessions.

    Both rows are locked and the admin's own is asked, not the token: of two admins who demote each other one succeeds.
    Raises Forbidden, UserNotFound, OwnAdminRole.
    """
    users = await queries.lock_users(session, {admin_id, user_id})
    admin, user = users.get(admin_id), users.get(user_id)
    if admin is None or not admin.is_admin:
        raise Forbidden
    if user is None:
        raise UserNotFound
    changed = _apply(user, changes)
    if not admin.is_admin:
        raise OwnAdminRole
    if user.disabled:
        for live in await queries.list_live_sessions(session, user.id):
            _end(session, live, "disabled")
    if changed:
        _tell_update(session, user)
    return user


async def make_first_admin(session: AsyncSession, email: str, password_hash: str) -> User:
    """Make the account of the first admin; raises EmailTaken."""
    return await register(session, Account("Admin", email, password_hash, ("customer", ADMIN)))


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


async def forget_old_sessions(session: AsyncSession) -> int:
    """Drop sessions that ended or expired more than a day ago, with their tokens; return how many."""
    return len(await fetch(session, _FORGET_SESSIONS))


async def _grant(session: AsyncSession, user: User, current: UserSession) -> Granted:
    token = new_secret()
    session.add(RefreshToken(fingerprint=fingerprint(token), session_id=current.id, generation=current.generation))
    return Granted(user, token, await queries.get_signing_jwk(session))


def _end(session: AsyncSession, current: UserSession, because: EndedBecause) -> None:
    if current.end(because):
        emit(
            session,
            UserLoggedOut(user_id=current.user_id, session_id=current.id, reuse=because == "reuse"),
        )


def _apply(user: User, changes: UserChanges) -> bool:
    changed = changes.roles is not None and user.hold(changes.roles)
    if changes.disabled is not None:
        changed = (user.disable() if changes.disabled else user.enable()) or changed
    return changed


def _tell_update(session: AsyncSession, user: User) -> None:
    emit(
        session,
        UserUpdated(user_id=user.id, name=user.name, email=user.email, roles=user.roles, version_number=user.version),
    )
