"""Auth's HTTP door: accounts, logins, refreshes, the public keys."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from auth import queries
from auth.actions import accounts, sessions, throttling
from auth.actions.accounts import Account
from auth.actions.sessions import Attempt, Granted
from auth.doorkeeper import Doorkeeper
from auth.errors import LoginFailed, RefreshRefused, TooManyTries, UserNotFound
from auth.passwords import Hasher
from auth.schemas import (
    JwksOut,
    LoginIn,
    RefreshIn,
    RegisterIn,
    RenameIn,
    TokensOut,
    UserAdminOut,
    UserChangesIn,
    UserOut,
    UsersPage,
)
from auth.settings import JWKS_MAX_AGE, AuthSettings
from auth.tokens import public_jwk, sign
from common.auth import CurrentUser, Principal, require
from common.errors import Unauthenticated, raises
from common.http import PageOf, Reading, Tx, router
from common.http.deps import Db
from common.http.fields import Id
from common.http.forwarding import client_of

routes = router()


@dataclass(frozen=True, slots=True)
class Desk:
    """What somebody who comes in is looked at with, and where he comes from."""

    hasher: Hasher
    settings: AuthSettings
    door: Doorkeeper
    address: str


async def _desk(request: Request) -> Desk:
    state = request.app.state
    return Desk(state.hasher, state.settings, state.doorkeeper, client_of(request.scope))


async def _settings(request: Request) -> AuthSettings:
    settings: AuthSettings = request.app.state.settings
    return settings


FrontDesk = Annotated[Desk, Depends(_desk)]
Settings = Annotated[AuthSettings, Depends(_settings)]
Admin = Annotated[Principal, require("admin")]
_Responses = dict[int | str, dict[str, Any]]
_401: _Responses = {401: {"description": "No valid access token"}}
_ADMIN: _Responses = {**_401, 403: {"description": "Only admins"}}


def _tokens(granted: Granted, settings: AuthSettings) -> TokensOut:
    access = sign(granted.jwk, granted.user.id, granted.user.roles, settings.access_lifetime)
    return TokensOut(
        access_token=access,
        refresh_token=granted.refresh_token,
        expires_in=int(settings.access_lifetime.total_seconds()),
    )


# No connection is held while a password is hashed: registering and logging in open their transactions themselves.


@routes.post(
    "/auth/register",
    status_code=201,
    tags=["auth"],
    summary="Make an account",
    responses={409: {"description": "`email_taken`"}},
)
@raises(TooManyTries)
async def register(body: RegisterIn, desk: FrontDesk) -> UserOut:
    """Passwords have 8 to 128 characters, are not among the most common ones and do not contain the address."""
    await desk.door.registration(body.email, desk.address)
    hashed = await desk.hasher.hash(body.password)
    async with desk.door.transaction() as session:
        user = await accounts.register(session, Account(body.name, body.email, hashed))
    return UserOut.of(user)


@routes.post(
    "/auth/login", tags=["auth"], summary="Log in", responses={401: {"description": "`login_failed`, whatever failed"}}
)
@raises(TooManyTries)
async def log_in(body: LoginIn, desk: FrontDesk) -> TokensOut:
    """Begin a session; the answer to a failure tells neither by text nor by time whether the account exists.

    Failures in a row, on an account or from an address, make the next try wait, longer each time. Where somebody has
    logged in before, what others do elsewhere does not count.
    """
    async with desk.door.login(body.email, desk.address) as admitted:
        async with desk.door.transaction() as session:
            user = await queries.find_user_by_email(session, body.email)
        checked = await desk.hasher.check(user.password_hash if user else None, body.password)
        attempt = Attempt(body.email, user.id if user else None, checked.fits, checked.better)
        async with desk.door.transaction() as session:
            granted = await sessions.log_in(session, attempt, desk.settings.sessions)
            if granted:
                await throttling.welcome(session, admitted, desk.door.limits)
    if granted is None:
        raise LoginFailed
    return _tokens(granted, desk.settings)


@routes.post(
    "/auth/refresh",
    tags=["auth"],
    summary="Exchange a refresh token for new tokens",
    responses={401: {"description": "`refresh_refused`: log in again"}},
)
async def refresh(body: RefreshIn, database: Db, settings: Settings) -> TokensOut:
    """A refresh token works once; the last may be repeated once within 10 seconds, any other use ends the session."""
    async with database.transaction() as session:
        granted = await sessions.refresh(session, body.refresh_token, settings.sessions)
    if granted is None:
        raise RefreshRefused
    return _tokens(granted, settings)


@routes.post("/auth/logout", status_code=204, tags=["auth"], summary="End a session")
async def log_out(body: RefreshIn, session: Tx) -> None:
    """End the refresh token's session; saying it twice is no error."""
    await sessions.log_out(session, body.refresh_token)


@routes.get("/auth/jwks", tags=["auth"], summary="The public keys of access tokens")
async def show_keys(session: Reading, response: Response) -> JwksOut:
    """A JSON Web Key Set; a new key is in it long before it signs."""
    keys = [public_jwk(jwk) for jwk in await queries.get_jwks(session)]
    response.headers["Cache-Control"] = f"public, max-age={int(JWKS_MAX_AGE.total_seconds())}"
    return JwksOut(keys=keys)


@routes.get("/users/me", tags=["users"], summary="My account", responses={**_401})
async def show_me(user: CurrentUser, session: Reading) -> UserOut:
    """Show the account the token speaks for."""
    try:
        found = await queries.get_user(session, user.id)
    except UserNotFound as error:
        raise Unauthenticated from error
    if found.disabled:
        raise Unauthenticated
    return UserOut.of(found)


@routes.patch("/users/me", tags=["users"], summary="Change my name", responses={**_401})
async def rename_me(body: RenameIn, user: CurrentUser, session: Tx) -> UserOut:
    """Change the account the token speaks for."""
    return UserOut.of(await accounts.rename(session, user.id, body.name))


@routes.get("/users", tags=["users"], summary="All users", responses={**_ADMIN})
async def list_users(page: Annotated[UsersPage, Query()], _: Admin, session: Reading) -> PageOf[UserAdminOut]:
    """List accounts, oldest first; `email` finds one."""
    rows = await queries.list_users(session, page.after("users"), page.limit, page.email)
    return page.page(rows, "users", UserAdminOut.of, lambda user: user.id)


@routes.patch(
    "/users/{user_id}",
    tags=["users"],
    summary="Change a user's roles, or disable the account",
    responses={**_ADMIN, 404: {"description": "No such user"}, 409: {"description": "`own_admin_role`"}},
)
async def administer(user_id: Id, body: UserChangesIn, admin: Admin, session: Tx) -> UserAdminOut:
    """Disabling ends all sessions at once; access tokens already given live on for at most ten minutes."""
    return UserAdminOut.of(await accounts.administer(session, admin.id, user_id, body.changes()))
