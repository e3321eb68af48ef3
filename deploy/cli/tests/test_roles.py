"""A service's database role owns its own database and enters no other, on a real PostgreSQL."""

import secrets
import shutil

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

    def read(self, name):
        """The reader's address of a service's database."""
        return self.reader.replace("%7Bservice%7D", name).replace("{service}", name)

    async def make_databases(self):
        """Make them as an administrator would by hand, with their owners."""
        await apply_roles(self.admin, self.owners)

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


SECRETS = (
    "SELECT jwk FROM signing_keys",
    "SELECT count(*) FROM signing_keys",
    "COPY signing_keys TO STDOUT",
    "SELECT password_hash FROM users",
    "SELECT * FROM users",
    "SELECT u FROM users u",
    "SELECT fingerprint FROM refresh_tokens",
)


@pytest.mark.parametrize(
    "order", ["apply migrate", "migrate apply", "apply migrate apply migrate", "apply old apply new"]
)
async def test_the_operator_reads_no_key_and_no_password_whatever_was_done_first(ground, order, tmp_path):
    await ground.make_databases()
    for step in order.split():
        if step == "apply":
            await apply_roles(ground.admin, ground.owners, ground.reader)
        for name in SERVICES if step != "apply" else ():
            await migrate(
                ground.owners[name], before_secrets(tmp_path) if step == "old" and name == "auth" else MIGRATIONS[name]
            )
    auth = ground.read("auth")
    for statement in SECRETS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table"):
            await ground.say(statement, auth)
        assert (
            await ground.say(
                statement.replace("COPY signing_keys TO STDOUT", "TABLE signing_keys"), ground.owners["auth"]
            )
            is not None
        )
    assert await ground.say("SELECT id, email, roles FROM users", auth) == []
    async with database_urls(Home(tmp_path), {"OPERATOR_DATABASE_URL": ground.reader}) as urls:
        report = await examine(urls)
        assert report.healthy, report.lines()


def before_secrets(folder):
    """Auth's migrations of the release before its secrets were marked."""
    old = folder / "migrations"
    shutil.copytree(MIGRATIONS["auth"], old)
    (old / "versions" / "0003_secrets.py").unlink()
    return old


async def test_what_is_marked_or_added_later_is_treated_alike(ground):
    await apply_roles(ground.admin, ground.owners, ground.reader)
    await migrate(ground.owners["auth"], MIGRATIONS["auth"])
    for change in (
        "ALTER TABLE users ADD shoe_size text",
        "ALTER TABLE users ADD pin text",
        "COMMENT ON COLUMN users.pin IS 'secret'",
        "CREATE TABLE words (word text)",
        "COMMENT ON TABLE words IS 'secret'",
        "GRANT SELECT ON users, words TO PUBLIC",
    ):
        await ground.say(change, ground.owners["auth"])
    await migrate(ground.owners["auth"], MIGRATIONS["auth"])
    assert await ground.say("SELECT shoe_size FROM users", ground.read("auth")) == []
    for hidden in ("SELECT pin FROM users", "SELECT password_hash FROM users", "SELECT word FROM words"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ground.say(hidden, ground.read("auth"))


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


@pytest.mark.parametrize(
    ("setting", "changes", "sentence"),
    [
        ("orders", {"username": "catalog"}, "DATABASE_URL_CATALOG and DATABASE_URL_ORDERS cannot .* the role catalog"),
        ("orders", {"database": "catalog"}, "DATABASE_URL_CATALOG and DATABASE_URL_ORDERS cannot .* database catalog"),
        (
            "operator",
            {"username": "catalog"},
            "DATABASE_URL_CATALOG and OPERATOR_DATABASE_URL cannot .* the role catalog",
        ),
    ],
)
async def test_two_addresses_with_one_role_or_database_are_a_sentence(ground, setting, changes, sentence):
    urls = {name: make_url(f"postgresql://{name}:word@db/{name}") for name in ("catalog", "orders", "operator")}
    urls[setting] = urls[setting].set(**changes)
    told = {name: url.render_as_string(hide_password=False) for name, url in urls.items()}
    reader = told.pop("operator")
    with pytest.raises(BadSetting, match=f"{sentence}. Give each a (role|database) of its own"):
        await apply_roles(ground.admin, told, reader)
    assert not await ground.say("SELECT FROM pg_roles WHERE rolname IN ('catalog', 'orders', 'operator')")


async def test_the_administrators_own_role_is_nobody_elses(ground):
    with pytest.raises(BadSetting, match="is the administrator's own"):
        await apply_roles(ground.admin, {"orders": ground.admin})
