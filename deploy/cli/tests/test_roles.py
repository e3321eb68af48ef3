"""A service's database role owns its own database and enters no other, on a real PostgreSQL."""

import secrets

import asyncpg
import pytest
from sqlalchemy import make_url

from common.db import plain_dsn
from common.migrations import migrate
from common.settings import BadSetting
from souk.connect import database_urls
from souk.doctor import examine
from souk.home import SERVICES, Home
from souk.parked import listing
from souk.roles import apply_roles
from souk.services import MIGRATIONS


class Ground:
    """A server with addresses of databases and roles that nobody else uses."""

    def __init__(self, admin_url):
        self.admin, self.mark = admin_url, secrets.token_hex(4)
        self.owners = {name: self.url(name) for name in SERVICES}
        self.reader = self.url("operator", "souk_SERVICE").replace("SERVICE", "{service}_" + self.mark)

    def url(self, name, database=None):
        database = database or f"souk_{name}_{self.mark}"
        url = make_url(self.admin).set(username=f"role '{name}\" {self.mark}", password=f"it's {self.mark}/@:")
        return url.set(database=database, drivername="postgresql").render_as_string(hide_password=False)

    async def say(self, statement, url=None, settings=None):
        connection = await asyncpg.connect(plain_dsn(url or self.admin), server_settings=settings)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    async def clear(self):
        urls = [make_url(url) for url in self.owners.values()]
        for url in urls:
            await self.say(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')
        for name in [url.username for url in (*urls, make_url(self.reader))]:
            quoted = '"' + name.replace('"', '""') + '"'
            await self.say(f"DROP ROLE IF EXISTS {quoted}")


@pytest.fixture
async def ground(postgres_url):
    made = Ground(postgres_url)
    yield made
    await made.clear()


async def test_each_role_enters_its_own_database_and_no_other(ground):
    told = await apply_roles(ground.admin, ground.owners, ground.reader)
    assert len(told) == len(SERVICES)
    for name, url in ground.owners.items():
        assert (await ground.say("SELECT current_user AS who", url))[0]["who"] == make_url(url).username
        for other in SERVICES:
            if other == name:
                continue
            strange = make_url(url).set(database=make_url(ground.owners[other]).database)
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
                await ground.say("SELECT 1", strange.render_as_string(hide_password=False))


async def test_a_role_is_modest(ground):
    await apply_roles(ground.admin, ground.owners)
    for statement in (
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ground.say(statement, ground.owners["orders"])


async def test_the_doctor_reads_every_book_as_a_role_that_can_change_none(ground, tmp_path):
    await apply_roles(ground.admin, ground.owners, ground.reader)
    for name, url in ground.owners.items():
        await migrate(url, MIGRATIONS[name])
    await apply_roles(ground.admin, ground.owners, ground.reader)
    assert await listing(Home(tmp_path), {"OPERATOR_DATABASE_URL": ground.reader}) == []
    async with database_urls(Home(tmp_path), {"OPERATOR_DATABASE_URL": ground.reader}) as urls:
        report = await examine(urls)
        assert report.healthy, report.lines()
        for statement in ("INSERT INTO jwks_cache VALUES (1, '')", "CREATE TABLE mine ()", "TRUNCATE outbox"):
            with pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientPrivilegeError)):
                await ground.say(statement, urls["orders"])
        bold = {"default_transaction_read_only": "off"}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ground.say("TRUNCATE outbox", urls["orders"], bold)


async def test_applying_again_changes_the_password_and_takes_back_what_was_given(ground):
    await apply_roles(ground.admin, ground.owners)
    orders = make_url(ground.owners["orders"])
    await ground.say(f'GRANT CONNECT ON DATABASE "{orders.database}" TO PUBLIC')
    ground.owners["orders"] = orders.set(password="another").render_as_string(hide_password=False)
    await apply_roles(ground.admin, ground.owners)
    assert await ground.say("SELECT 1", ground.owners["orders"])
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ground.say("SELECT 1", orders.render_as_string(hide_password=False))
    thief = make_url(ground.owners["catalog"]).set(database=orders.database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ground.say("SELECT 1", thief.render_as_string(hide_password=False))


async def test_an_administrator_who_is_no_superuser_suffices(ground):
    name = f"admin_{ground.mark}"
    await ground.say(f"CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD 'lesser'")
    lesser = make_url(ground.admin).set(username=name, password="lesser").render_as_string(hide_password=False)
    try:
        for _ in range(2):
            await apply_roles(lesser, ground.owners, ground.reader)
        assert await ground.say("SELECT 1", ground.owners["auth"])
    finally:
        await ground.clear()
        await ground.say(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("nothing", "DATABASE_URL_ORDERS cannot be used: it is no address"),
        ("postgresql://orders@db/orders", "DATABASE_URL_ORDERS cannot be used: write postgresql://role:password@"),
        ("postgresql://orders:word@db", "DATABASE_URL_ORDERS cannot be used: write postgresql://role:password@"),
    ],
)
async def test_an_address_that_says_too_little_is_a_sentence(ground, address, sentence):
    with pytest.raises(BadSetting, match=sentence):
        await apply_roles(ground.admin, {"orders": address})


async def test_the_administrators_own_role_is_nobody_elses(ground):
    with pytest.raises(BadSetting, match="is the administrator's own"):
        await apply_roles(ground.admin, {"orders": ground.admin})
