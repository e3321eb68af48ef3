"""Registering, one's own account, and the first admin."""

import asyncio

import httpx2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from auth.main import MIGRATIONS, build
from auth.models import Base
from common.broker import InProcessWire
from common.migrations import MACHINERY, migrate

PASSWORD = "correct horse battery"
GOOD = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}


def _signed_in(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def test_registering_makes_a_customer_and_tells_it(auth):
    answer = await auth.client.post("/auth/register", json=GOOD)
    assert answer.status_code == 201
    made = answer.json()
    assert made == {
        "id": made["id"],
        "name": "Ann",
        "email": "ann@example.com",
        "roles": ["customer"],
        "email_verified": False,
    }
    [fact] = await auth.told("user.registered")
    assert fact.subject == made["id"]
    assert fact.data["version_number"] == 1
    assert PASSWORD not in str(fact)


async def test_the_same_address_in_another_case_is_the_same_account(auth):
    await auth.register(email="Ann@Example.COM")
    answer = await auth.client.post("/auth/register", json=GOOD | {"email": " aNN@example.com "})
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert len(await auth.told("user.registered")) == 1


async def test_one_address_registered_twenty_times_at_once_is_one_account(auth):
    answers = await asyncio.gather(*(auth.client.post("/auth/register", json=GOOD) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert len(await auth.sql("SELECT FROM users")) == 1
    assert len(await auth.told("user.registered")) == 1


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@example.com, bob@example.com",
        "Ann <ann@example.com>",
        '"ann smith"@example.com',
        "a" * 400 + "@example.com",
        "ann@exаmple.com",  # noqa: RUF001 - a Cyrillic letter
        "\u017fam@example.com",  # a long s, which some call a letter of a-z
        "ann@localhost",
        "",
    ],
)
async def test_what_is_not_one_plain_address_is_refused(auth, email):
    answer = await auth.client.post("/auth/register", json=GOOD | {"email": email})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/email")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("seven77", "password_length"),
        ("x1" * 65, "password_length"),
        ("x" * 200_000, "too_long"),
        (" " * 12, "blank"),
        ("nul\u0000nulnul", "control_character"),
        ("password123", "password_too_common"),
        ("ann@example.com", "password_contains_email"),
    ],
)
async def test_a_bad_password_is_refused_with_its_reason(auth, password, code):
    answer = await auth.client.post("/auth/register", json=GOOD | {"password": password})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert password not in answer.text


async def test_a_megabyte_of_password_is_too_large_a_body(auth):
    assert (await auth.client.post("/auth/register", json=GOOD | {"password": "x" * 2**20})).status_code == 413


@pytest.mark.parametrize("password", ["fourteen chars", "0123456789abcdef" * 4, "x1" * 64, "密码密码密码密码"])
async def test_a_password_of_8_to_128_characters_is_kept_whole(auth, password):
    user = await auth.register(password=password)
    assert (await auth.log_in(user["email"], password)).status_code == 200
    assert (await auth.log_in(user["email"], password[:-1])).status_code == 401


async def test_a_password_is_the_same_however_the_keyboard_composed_it(auth):
    user = await auth.register(password="cafe\u0301 noir")
    assert (await auth.log_in(user["email"], "caf\u00e9 noir")).status_code == 200


@pytest.mark.parametrize(
    "more", [{"role": "admin"}, {"roles": ["admin"]}, {"is_admin": True}, {"email_verified": True}, {"id": "1"}]
)
async def test_nobody_gives_himself_more_than_an_account(auth, more):
    answer = await auth.client.post("/auth/register", json=GOOD | more)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")


async def test_an_idempotency_key_means_nothing_here(auth):
    headers = {"Idempotency-Key": "the same"}
    answers = [await auth.client.post("/auth/register", json=GOOD, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]


async def test_the_stored_hash_is_argon2id_and_no_answer_shows_it(start):
    auth = await start(ARGON2_PROFILE="standard")
    user = await auth.register()
    [row] = await auth.sql("SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "argon2" not in str(user)


async def test_a_user_sees_and_renames_himself(auth):
    user = await auth.register()
    headers = _signed_in(await auth.tokens(user["email"]))
    assert (await auth.client.get("/users/me", headers=headers)).json() == user
    renamed = await auth.client.patch("/users/me", headers=headers, json={"name": "  Ánn "})
    assert renamed.json() == user | {"name": "Ánn"}
    await auth.client.patch("/users/me", headers=headers, json={"name": "Ánn"})
    [fact] = await auth.told("user.updated")
    assert (fact.data["name"], fact.data["version_number"]) == ("Ánn", 2)


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": " "}, {"name": "x" * 201}, {"name": "A", "roles": []}])
async def test_a_user_changes_nothing_but_a_good_name(auth, body):
    user = await auth.register()
    headers = _signed_in(await auth.tokens(user["email"]))
    assert (await auth.client.patch("/users/me", headers=headers, json=body)).status_code == 422


async def test_a_token_of_nobody_opens_nothing(auth):
    user = await auth.register()
    headers = _signed_in(await auth.tokens(user["email"]))
    await auth.sql("DELETE FROM users")
    assert (await auth.client.get("/users/me", headers=headers)).status_code == 401
    assert (await auth.client.patch("/users/me", headers=headers, json={"name": "A"})).status_code == 401


async def test_the_first_admin_is_made_once_and_can_log_in(start):
    auth = await start(ADMIN_EMAIL="Owner@example.com", ADMIN_PASSWORD="the keys of the shop")
    assert await auth.work_loops("first admin") == 1
    assert await auth.work_loops("first admin") == 0
    [fact] = await auth.told("user.registered")
    assert fact.data["roles"] == ["admin", "customer"]
    tokens = (await auth.log_in("owner@example.com", "the keys of the shop")).json()
    assert (await auth.client.get("/users", headers=_signed_in(tokens))).status_code == 200


async def test_replicas_that_start_together_make_one_admin(start):
    auth = await start(ADMIN_EMAIL="owner@example.com", ADMIN_PASSWORD="the keys of the shop")
    [make] = [loop.run for loop in auth.service.loops if loop.name == "first admin"]
    assert sorted(await asyncio.gather(make(), make())) == [0, 1]
    assert len(await auth.told("user.registered")) == 1


async def test_a_started_service_makes_its_keys_and_its_admin_by_itself(make_database):
    url = await make_database("auth", template="auth", prepare=lambda url: migrate(url, MIGRATIONS))
    admin = {"ADMIN_EMAIL": "owner@example.com", "ADMIN_PASSWORD": "the keys of the shop"}
    service = build({"DATABASE_URL_AUTH": url, "WIRE": "inprocess", "ARGON2_PROFILE": "light"} | admin, InProcessWire())
    transport = httpx2.ASGITransport(service.app)
    async with service.running(), httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        assert service.problems() == ["no signing keys yet"]
        body = {"email": "owner@example.com", "password": "the keys of the shop"}
        async with asyncio.timeout(20):
            while service.problems() or (answer := await client.post("/auth/login", json=body)).status_code != 200:
                await asyncio.sleep(0.05)
        me = await client.get("/users/me", headers=_signed_in(answer.json()))
        assert me.json()["roles"] == ["admin", "customer"]
    await service.close()


def test_the_api_can_be_described(settings):
    document = build(settings, InProcessWire()).app.openapi()
    assert {"/api/v1/auth/register", "/api/v1/auth/jwks", "/api/v1/users/{user_id}"} <= document["paths"].keys()


async def test_the_first_admin_never_changes_an_account_that_is_there(start):
    auth = await start(ADMIN_EMAIL="owner@example.com", ADMIN_PASSWORD="the keys of the shop")
    await auth.register(email="owner@example.com")
    assert await auth.work_loops("first admin") == 0
    assert (await auth.log_in("owner@example.com")).status_code == 200
    assert (await auth.log_in("owner@example.com", "the keys of the shop")).status_code == 401
    [row] = await auth.sql("SELECT roles FROM users")
    assert row["roles"] == ["customer"]


async def test_without_the_settings_no_admin_is_made(auth):
    assert await auth.work_loops("first admin") == 0
    assert await auth.sql("SELECT FROM users") == []


async def test_models_and_migrations_agree(auth):
    def compare(connection):
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _, name, kind, *__: not (kind == "table" and name.startswith(MACHINERY)),
            },
        )
        return compare_metadata(context, Base.metadata)

    async with auth.database.engine.connect() as connection:
        differences = await connection.run_sync(compare)
    assert [item for item in differences if "alembic_version" not in str(item)] == []
