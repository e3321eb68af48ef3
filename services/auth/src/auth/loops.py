"""Auth's time door: signing keys are made and dropped, the first admin is made, what is old is forgotten."""

import asyncio
from functools import partial

import structlog

from auth import queries
from auth.actions import accounts, keys, sessions, throttling
from auth.domain import KeyPolicy
from auth.errors import EmailTaken
from auth.passwords import Hasher
from auth.settings import AuthSettings
from auth.tokens import public_jwk
from auth.tries import Limits
from common.auth import Keyring
from common.db import Database
from common.loops import Loop
from common.service import KeySource

log = structlog.get_logger(__name__)
_UNTIL_FIRST_KEYS, _HOUR, _DAY = 0.2, 3600.0, 86400.0


def auth_loops(database: Database, hasher: Hasher, settings: AuthSettings) -> list[Loop]:
    """Return auth's loops."""
    first_admin = partial(make_first_admin, database, hasher, settings.first_admin)
    return [
        Loop("first admin", first_admin, every=_DAY),
        Loop("old sessions", partial(forget_old_sessions, database), every=_HOUR),
        Loop("old tries", partial(forget_old_tries, database, settings.tries), every=_HOUR),
    ]


def key_source(settings: AuthSettings) -> KeySource:
    """Return what keeps auth's own keyring: its database, asked as often as other services ask for the key set."""

    async def keep(keyring: Keyring, database: Database) -> None:
        while True:
            try:
                await tend_keys(keyring, database, settings.keys)
            except Exception as error:  # noqa: BLE001 - the last keys serve on
                log.warning("signing keys not tended", error=repr(error))
            await asyncio.sleep(settings.jwks_refresh.total_seconds() if keyring.ready else _UNTIL_FIRST_KEYS)

    return keep


async def tend_keys(keyring: Keyring, database: Database, policy: KeyPolicy) -> None:
    """Make and drop signing keys as they are due, and take the public halves into the keyring."""
    async with database.transaction() as session:
        await keys.tend_signing_keys(session, policy)
        jwks = await queries.get_jwks(session)
    keyring.replace({"keys": [public_jwk(jwk) for jwk in jwks]})


async def make_first_admin(database: Database, hasher: Hasher, wanted: tuple[str, str] | None) -> int:
    """Make the admin the settings name, once; an account that has the address already is never touched."""
    if wanted is None:
        return 0
    email, password = wanted
    async with database.reading() as session:
        known = await queries.find_user_by_email(session, email)
    if known:
        if not known.is_admin:
            log.warning(
                "ADMIN_EMAIL belongs to an account that is no admin; it is left as it is", user_id=str(known.id)
            )
        return 0
    hashed = await hasher.hash(password)
    try:
        async with database.transaction() as session:
            admin = await accounts.make_first_admin(session, email, hashed)
    except EmailTaken:
        return 0
    log.info("first admin made", user_id=str(admin.id))
    return 1


async def forget_old_sessions(database: Database) -> int:
    """Drop sessions nobody can use any more; return how many."""
    async with database.transaction() as session:
        return await sessions.forget_old_sessions(session)


async def forget_old_tries(database: Database, limits: Limits) -> int:
    """Drop tries that count no more; return how many."""
    async with database.transaction() as session:
        return await throttling.forget_old_tries(session, limits)
