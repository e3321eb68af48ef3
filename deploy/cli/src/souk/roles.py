"""A database and a role per service on the operator's PostgreSQL, and a role that may read them all."""

from collections.abc import Mapping
from typing import Final

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from common.db import plain_dsn
from common.migrations import ONE_AT_A_TIME, WITHHOLD_SECRETS
from common.settings import BadSetting

_READER: Final = "OPERATOR_DATABASE_URL"
_MODEST: Final = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# Said by the owner. What the owner makes later, the reader may read too, unless its comment says that it is secret.
_READABLE: Final = (
    "GRANT USAGE ON SCHEMA public TO %I",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO %I",
)


async def apply_roles(admin_url: str, owners: Mapping[str, str], reader_url: str = "") -> list[str]:
    """Make what the services' addresses name, and set it right where it is there; return a line per database.

    Each role owns its own database and may enter no other service's; the role of `reader_url` may read all of them but
    what is secret. Passwords are set to those of the addresses. Raises BadSetting for an address that says too little,
    and for two that name the same role or database.
    """
    wanted = {service: _whole(_setting(service), url) for service, url in owners.items()}
    reader = _whole(_READER, reader_url) if reader_url else None
    roles = {_setting(service): url.username for service, url in wanted.items()}
    refuse_shared("role", roles | ({_READER: reader.username} if reader else {}))
    refuse_shared("database", {_setting(service): url.database for service, url in wanted.items()})
    admin = await asyncpg.connect(plain_dsn(admin_url))
    try:
        if reader:
            await _make_role(admin, reader)
            await _say(admin, "ALTER ROLE %I SET default_transaction_read_only = on", reader.username)
        for url in wanted.values():
            await _make_role(admin, url)
            await _make_database(admin, url, reader)
    finally:
        await admin.close()
    for url in wanted.values():
        await _open_to(url, reader)
    return [f"{service}: database {url.database}, role {url.username}" for service, url in wanted.items()]


def refuse_shared(kind: str, named: Mapping[str, str | None]) -> None:
    """Raise BadSetting when two settings, by their names, mean the same role, database or user."""
    first: dict[str | None, str] = {}
    for setting, name in named.items():
        if (other := first.setdefault(name, setting)) != setting:
            raise BadSetting(
                f"{other} and {setting} cannot be used together: both name the {kind} {name}. "
                f"Give each a {kind} of its own, and it is made where it is missing."
            )


def _setting(service: str) -> str:
    return f"DATABASE_URL_{service.upper()}"


def _whole(name: str, address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise BadSetting(f"{name} cannot be used: it is no address of a database.") from error
    if not (url.username and url.password and url.database):
        raise BadSetting(f"{name} cannot be used: write postgresql://role:password@host:5432/database.")
    return url


async def _make_role(admin: asyncpg.Connection, url: URL) -> None:
    if url.username == await admin.fetchval("SELECT current_user"):
        raise BadSetting(f"The role {url.username} is the administrator's own: name another one in the address.")
    there = await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", url.username)
    await _say(admin, f"{'ALTER' if there else 'CREATE'} ROLE %I LOGIN PASSWORD %L", url.username, url.password)
    if await admin.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user"):
        await _say(admin, f"ALTER ROLE %I {_MODEST}", url.username)
    else:  # who is no superuser makes modest roles only, and gives databases only to roles that are theirs
        await _say(admin, "GRANT %I TO CURRENT_USER", url.username)


async def _make_database(admin: asyncpg.Connection, url: URL, reader: URL | None) -> None:
    owner = await admin.fetchval("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", url.database)
    if owner is None:
        await _say(admin, "CREATE DATABASE %I OWNER %I", url.database, url.username)
    elif owner != url.username:
        await _say(admin, "ALTER DATABASE %I OWNER TO %I", url.database, url.username)
    await _say(admin, "REVOKE ALL ON DATABASE %I FROM PUBLIC", url.database)
    if reader:
        await _say(admin, "GRANT CONNECT ON DATABASE %I TO %I", url.database, reader.username)


async def _open_to(url: URL, reader: URL | None) -> None:
    """Say as its owner who else may read a database, which shows that the owner's address is right."""
    owner = await asyncpg.connect(plain_dsn(url.render_as_string(hide_password=False)))
    try:
        async with owner.transaction():
            await owner.execute(ONE_AT_A_TIME)
            await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            if reader:
                for statement in _READABLE:
                    await _say(owner, statement, reader.username)
            await owner.execute(WITHHOLD_SECRETS)
    finally:
        await owner.close()


async def _say(connection: asyncpg.Connection, statement: str, *words: str | None) -> None:
    """Execute a statement that takes no parameters; the server puts the quoted words into it."""
    await connection.execute(await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", statement, words))
