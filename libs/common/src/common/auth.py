"""Who asks: an access token becomes a Principal; `require(role)` guards a route. Keys come from the cached key set."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import time
from typing import Annotated, Any, Final
from uuid import UUID

import httpx2
import jwt
import orjson
import structlog
from fastapi import Depends, Request

from common.db import Database, fetch
from common.errors import BadRequest, Forbidden, Unauthenticated, Unavailable, raises
from common.telemetry import identify

log = structlog.get_logger(__name__)
AUDIENCE: Final = "souk-api"
ISSUER: Final = "souk"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068's media type, no secret
_LONGEST_TOKEN, _REMEMBERED = 8192, 10_000
_FIRST_RETRY, _LONGEST_RETRY = 0.1, 5.0

LoadKeys = Callable[[], Awaitable[Mapping[str, Any]]]


class TooManyCredentials(BadRequest):
    """Send one Authorization header."""


class NoKeysYet(Unavailable):
    """This service has just started and cannot check tokens yet. Try again in a moment."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user and the roles the token was given."""

    id: UUID
    roles: frozenset[str]
    expires_at: int

    def has(self, *roles: str) -> bool:
        """Say whether any of the roles is held."""
        return not self.roles.isdisjoint(roles)


class Keyring:
    """The public keys that sign tokens (JWKS), refreshed in the background; no request waits for them."""

    def __init__(self) -> None:
        self._keys: dict[str, jwt.PyJWK] = {}
        self._given: dict[str, dict[str, Any]] = {}
        self._seen: OrderedDict[str, Principal] = OrderedDict()

    @property
    def ready(self) -> bool:
        """Whether there is any key."""
        return bool(self._keys)

    def replace(self, jwks: Mapping[str, Any]) -> None:
        """Use this key set from now on; a token of a key that left is refused at once.

        Raises ValueError for a set without keys, and keeps the one it has.
        """
        given = {key["kid"]: dict(key) for key in jwks["keys"] if key.get("kty") == "OKP"}
        if not given:
            raise ValueError("this key set has no key to verify with")
        keys = {kid: jwt.PyJWK(key) for kid, key in given.items()}
        if given != self._given:
            self._seen.clear()
        self._given, self._keys = given, keys

    def verify(self, token: str) -> Principal:
        """Return who the token speaks for; raises Unauthenticated (RFC 9068, RFC 8725), NoKeysYet before any key."""
        if not self.ready:
            raise NoKeysYet
        known = self._seen.get(token)
        if known and known.expires_at > time():
            return known
        try:
            principal = self._decode(token)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Unauthenticated from error
        self._seen[token] = principal
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return principal

    def _decode(self, token: str) -> Principal:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TOKEN_TYPE:
            raise KeyError("typ")
        claims = jwt.decode(
            token,
            self._keys[header["kid"]],
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=ISSUER,
            # `iat` is no limit (RFC 7519): clocks of two machines may differ by more than a token just made is old
            options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_iat": False},
        )
        return Principal(UUID(claims["sub"]), frozenset(claims["roles"]), int(claims["exp"]))


@raises(TooManyCredentials, Unauthenticated, NoKeysYet)
async def principal(request: Request) -> Principal:
    """Return who asks; raises Unauthenticated."""
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise TooManyCredentials
    token = token_in(given)
    if token is None:
        raise Unauthenticated
    found: Principal = request.app.state.keyring.verify(token)
    identify("user", str(found.id))
    return found


def token_in(given: Sequence[str]) -> str | None:
    """Return the bearer token of the `Authorization` headers; None where there is none, or more than one header."""
    scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and 0 < len(token) <= _LONGEST_TOKEN else None


CurrentUser = Annotated[Principal, Depends(principal)]


def require(*roles: str) -> Any:  # noqa: ANN401 - FastAPI types it so
    """Return the dependency that lets only these roles in: `admin: Annotated[Principal, require("admin")]`."""

    @raises(Forbidden)
    async def check(user: CurrentUser) -> Principal:
        if not user.has(*roles):
            raise Forbidden
        return user

    return Depends(check)


class KeyRefresher:
    """Keeps a keyring fresh from the auth service, and the last key set in the service's own database."""

    def __init__(self, keyring: Keyring, database: Database, url: str, every: float) -> None:
        self._keyring, self._database, self._url, self._every = keyring, database, url, every

    async def run(self) -> None:
        """Load the kept keys, then refresh for ever."""
        with suppress(Exception):
            await self._load_kept()
        wait = _FIRST_RETRY
        async with httpx2.AsyncClient(timeout=5) as client:
            while True:
                try:
                    jwks = (await client.get(self._url)).raise_for_status().json()
                    self._keyring.replace(jwks)
                    await self._keep(jwks)
                    wait = self._every
                except Exception as error:  # noqa: BLE001 - the last keys serve on
                    wait = min(wait * 2, self._every, _LONGEST_RETRY)
                    # At first auth may only be starting, too.
                    tell = log.info if wait < min(self._every, _LONGEST_RETRY) else log.warning
                    tell("key set not refreshed", url=self._url, error=repr(error)[:200])
                await asyncio.sleep(wait)

    async def _load_kept(self) -> None:
        async with self._database.reading() as session:
            for row in await fetch(session, "SELECT jwks FROM jwks_cache WHERE id = 1"):
                self._keyring.replace(orjson.loads(row["jwks"]))

    async def _keep(self, jwks: Mapping[str, Any]) -> None:
        async with self._database.transaction() as session:
            await fetch(session, _KEEP, orjson.dumps(jwks).decode())


_KEEP = """
INSERT INTO jwks_cache (id, jwks) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET jwks = $1, refreshed_at = now()
WHERE jwks_cache.jwks IS DISTINCT FROM $1
"""
