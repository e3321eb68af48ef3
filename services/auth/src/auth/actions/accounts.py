"""Accounts: made, renamed, administered."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auth import queries
from auth.actions.sessions import end_session
from auth.domain import ADMIN, UserChanges
from auth.errors import EmailTaken, OwnAdminRole, UserNotFound
from auth.models import User
from common.contracts.auth import UserRegistered, UserUpdated
from common.errors import Forbidden, Unauthenticated
from common.outbox import emit


@dataclass(frozen=True, slots=True)
class Account:
    """What an account is made of."""

    name: str
    email: str
    password_hash: str
    roles: Sequence[str] = ("customer",)


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
            end_session(session, live, "disabled")
    if changed:
        _tell_update(session, user)
    return user


async def make_first_admin(session: AsyncSession, email: str, password_hash: str) -> User:
    """Make the account of the first admin; raises EmailTaken."""
    return await register(session, Account("Admin", email, password_hash, ("customer", ADMIN)))


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
