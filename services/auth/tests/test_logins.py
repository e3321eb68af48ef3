"""Logging in: every failure looks alike, in text and in time."""

import asyncio
import hashlib
from datetime import timedelta
from statistics import median
from time import perf_counter
from uuid import UUID

import pytest
from argon2 import PasswordHasher

from auth.passwords import Hasher

PASSWORD = "correct horse battery"


async def test_logging_in_gives_a_pair_of_tokens_and_tells_it(auth):
    user = await auth.register()
    answer = await auth.log_in(user["email"].upper())
    assert answer.status_code == 200
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    assert answer.headers["cache-control"] == "no-store"
    [fact] = await auth.told("user.logged_in")
    assert (fact.subject, bool(UUID(fact.data["session_id"]))) == (user["id"], True)
    assert tokens["refresh_token"] not in str(fact)


async def test_the_database_holds_no_refresh_token(auth):
    user = await auth.register()
    token = (await auth.tokens(user["email"]))["refresh_token"]
    [row] = await auth.sql("SELECT fingerprint FROM refresh_tokens")
    assert row["fingerprint"] == hashlib.sha256(token.encode()).digest()


async def _failures(auth):
    user, stopped = await auth.register(), await auth.register()
    await auth.sql("UPDATE users SET disabled_at = now() WHERE id = $1", UUID(stopped["id"]))
    return [
        ("nobody@example.com", PASSWORD),
        (user["email"], "wrong horse battery"),
        (stopped["email"], PASSWORD),
        (stopped["email"], "wrong horse battery"),
        (user["email"], "x"),
    ]


async def test_whatever_fails_the_answer_is_the_same(auth):
    answers = [await auth.log_in(*tried) for tried in await _failures(auth)]
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert bodies == [bodies[0]] * len(bodies)
    assert bodies[0]["code"] == "login_failed"
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Bearer realm="souk"'}


async def test_a_failure_is_told_without_the_address(auth):
    await auth.log_in("Nobody@example.com")
    [fact] = await auth.told("user.login_failed")
    assert fact.data == {"account": hashlib.sha256(b"nobody@example.com").hexdigest()}


async def test_whatever_fails_it_takes_the_same_time(start):
    auth = await start(ARGON2_PROFILE="standard")
    unknown, wrong, stopped = (await _failures(auth))[:3]
    taken = {tried: [] for tried in (unknown, wrong, stopped)}
    for _ in range(5):
        for tried, times in taken.items():
            began = perf_counter()
            await auth.log_in(*tried)
            times.append(perf_counter() - began)
    # A hash takes tens of milliseconds, all else a few: without the work for nobody the ratio would be far from one.
    shortest, *_, longest = sorted(median(times) for times in taken.values())
    assert longest < 5 * shortest
    assert shortest > 0.02


@pytest.mark.parametrize("kept", [None, "no hash at all", "$argon2id$v=19$m=8,t=1,p=1$bm90aGluZw$bm90aGluZw"])
async def test_no_password_fits_where_there_is_no_good_hash(kept):
    assert not (await Hasher("light").check(kept, PASSWORD)).fits


async def test_a_weaker_hash_is_replaced_at_the_next_login(auth):
    user = await auth.register()
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    await auth.sql("UPDATE users SET password_hash = $1", weak)
    assert (await auth.log_in(user["email"], "wrong horse battery")).status_code == 401
    assert (await auth.sql("SELECT password_hash FROM users"))[0]["password_hash"] == weak
    assert (await auth.log_in(user["email"])).status_code == 200
    assert "m=1024,t=1" in (await auth.sql("SELECT password_hash FROM users"))[0]["password_hash"]
    assert (await auth.log_in(user["email"])).status_code == 200


async def test_logins_at_once_that_replace_a_weaker_hash_do_not_lock_each_other_out(auth):
    user = await auth.register()
    await auth.sql("UPDATE users SET password_hash = $1", PasswordHasher(1, 64, 1).hash(PASSWORD))
    answers = await asyncio.gather(*(auth.log_in(user["email"]) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6


async def test_two_passwords_are_hashed_at_a_time_and_the_rest_of_the_service_answers(start):
    auth = await start(ARGON2_PROFILE="standard")
    logins = [asyncio.create_task(auth.log_in("nobody@example.com")) for _ in range(8)]
    threads = auth.service.app.state.hasher._threads._threads
    while not threads:
        await asyncio.sleep(0.005)
    assert (await auth.client.get("/auth/jwks")).status_code == 200
    assert not all(login.done() for login in logins)
    assert {answer.status_code for answer in await asyncio.gather(*logins)} == {401}
    assert len(threads) == 2


async def test_who_waits_too_long_for_a_hash_is_told_to_come_again(auth, monkeypatch):
    monkeypatch.setattr("auth.passwords._PATIENCE", 0.0)
    answer = await auth.log_in("nobody@example.com")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_an_account_disabled_while_its_password_is_checked_gets_no_session(auth):
    user = await auth.register()
    hasher, check = auth.service.app.state.hasher, auth.service.app.state.hasher.check

    async def check_slowly(kept, password):
        checked = await check(kept, password)
        await auth.sql("UPDATE users SET disabled_at = now()")
        return checked

    hasher.check = check_slowly
    assert (await auth.log_in(user["email"])).status_code == 401
    assert await auth.sql("SELECT FROM user_sessions") == []


@pytest.mark.parametrize(
    "body",
    [
        {"email": "ann@example.com"},
        {"email": "ann@example.com", "password": ""},
        {"email": "ann@example.com", "password": 12345678},
        {"email": "ann@example.com", "password": "x" * 200_000},
        {"email": "ann@example.com", "password": PASSWORD, "remember": True},
        {"email": "Ann <ann@example.com>", "password": PASSWORD},
    ],
)
async def test_a_login_that_is_none_is_refused_before_anything_is_hashed(auth, body):
    assert (await auth.client.post("/auth/login", json=body)).status_code == 422
    assert await auth.told() == []


async def test_without_a_signing_key_nobody_logs_in_and_no_empty_key_set_is_shown(auth):
    user = await auth.register()
    await auth.sql("DELETE FROM signing_keys")
    assert (await auth.log_in(user["email"])).status_code == 503
    assert (await auth.client.get("/auth/jwks")).status_code == 503
    assert await auth.told("user.logged_in") == []


async def test_old_sessions_are_forgotten_with_their_tokens(auth):
    user = await auth.register()
    for _ in range(3):
        await auth.tokens(user["email"])
    ids = [row["id"] for row in await auth.sql("SELECT id FROM user_sessions ORDER BY id")]
    past = timedelta(days=2)
    await auth.sql("UPDATE user_sessions SET expires_at = now() - $2::interval WHERE id = $1", ids[0], past)
    await auth.sql("UPDATE user_sessions SET ended_at = now() - $2::interval WHERE id = $1", ids[1], past)
    assert await auth.work_loops("old sessions") == 2
    assert [row["session_id"] for row in await auth.sql("SELECT session_id FROM refresh_tokens")] == ids[2:]
