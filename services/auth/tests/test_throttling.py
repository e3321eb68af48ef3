"""Too many tries: whoever guesses waits, the owner does not, and no process forgets."""

import asyncio
from collections import Counter

import pytest

from common.db import fetch

HERE, THERE = "198.51.100.1", "203.0.113.9"
WRONG = "wrong horse battery"
FEW = {"LOGIN_TRIES": "3"}


async def fail(auth, email, count, at=THERE):
    """The statuses of so many wrong passwords, one after the other."""
    return [(await auth.log_in(email, WRONG, at)).status_code for _ in range(count)]


async def wait_over(auth):
    """Let all waits be over, and nothing be forgotten."""
    await auth.sql("UPDATE tries SET free_at = clock_timestamp()")


async def levels(auth):
    rows = await auth.sql("SELECT kind, max(level) AS level FROM tries GROUP BY kind")
    return {row["kind"]: round(row["level"]) for row in rows if round(row["level"])}


async def test_b42_a_hundred_wrong_passwords_are_not_all_looked_at(auth):
    user = await auth.register()
    seen = Counter(await fail(auth, user["email"], 100))
    assert (seen[401], seen[429]) == (20, 80)
    assert (await auth.log_in(user["email"], at=THERE)).status_code == 429
    await wait_over(auth)
    assert (await auth.log_in(user["email"], at=THERE)).status_code == 200
    assert "login" not in await levels(auth)


async def test_who_waits_is_told_how_long_and_nothing_else(start):
    auth = await start(**FEW)
    user = await auth.register()
    answers = []
    for email in (user["email"], "nobody@example.com"):
        assert await fail(auth, email, 3) == [401] * 3
        answers.append(await auth.log_in(email, WRONG, THERE))
        answers.append(await auth.log_in(email, at=THERE))
    assert {answer.status_code for answer in answers} == {429}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert bodies == [bodies[0]] * 4
    assert bodies[0]["code"] == "too_many_tries"
    assert len(await auth.told("user.login_failed")) == 6


async def test_each_wait_is_twice_as_long_as_the_one_before(start):
    auth = await start(**FEW, LOGIN_LONGEST_WAIT="20s")
    waits = []
    for _ in range(7):
        await fail(auth, "nobody@example.com", 3 if not waits else 1)
        waits.append(int((await auth.log_in("nobody@example.com", WRONG, THERE)).headers["retry-after"]))
        await wait_over(auth)
    assert waits == [1, 2, 4, 8, 16, 20, 20]


async def test_after_a_hundred_in_a_row_there_is_no_more_guessing_for_a_day(auth):
    user = await auth.register()
    await fail(auth, user["email"], 1)
    await auth.sql("UPDATE tries SET level = 99, free_at = clock_timestamp() WHERE kind = 'login'")
    assert await fail(auth, user["email"], 1) == [401]
    refused = await auth.log_in(user["email"], at="192.0.2.77")
    assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 86400)


async def test_the_owner_comes_in_where_he_has_been_whatever_others_do_elsewhere(start):
    auth = await start(**FEW, LOGIN_FAILURES_PER_ADDRESS="5", LOGIN_FAILURES_IN_ALL="8")
    user = await auth.register()
    assert (await auth.log_in(user["email"], at=HERE)).status_code == 200
    for n in range(20):
        await fail(auth, user["email"], 1, at=f"203.0.113.{n}")
        await fail(auth, f"nobody{n}@example.com", 1, at=HERE)  # even from the same house
    assert (await auth.log_in(user["email"], at=THERE)).status_code == 429
    assert (await auth.log_in("nobody@example.com", at=HERE)).status_code == 429
    assert await fail(auth, user["email"], 1, at=HERE) == [401]
    assert (await auth.log_in(user["email"], at=HERE)).status_code == 200


async def test_where_he_has_been_guessing_is_no_better(start):
    auth = await start(**FEW)
    user = await auth.register()
    await auth.log_in(user["email"], at=HERE)
    assert await fail(auth, user["email"], 4, at=HERE) == [401, 401, 401, 429]
    assert (await auth.log_in(user["email"], at=THERE)).status_code == 200


async def test_the_owner_is_known_still_when_his_longest_session_has_ended(start):
    auth = await start(**FEW)
    user = await auth.register()
    await auth.log_in(user["email"], at=HERE)
    await fail(auth, user["email"], 4)
    await auth.sql("UPDATE known_addresses SET logged_in_at = logged_in_at - interval '31 days'")
    assert (await auth.log_in(user["email"], at=HERE)).status_code == 200


async def test_an_address_is_known_for_so_long_and_no_longer(start):
    auth = await start(**FEW)
    user = await auth.register()
    await auth.log_in(user["email"], at=HERE)
    await fail(auth, user["email"], 4)
    await auth.sql("UPDATE known_addresses SET logged_in_at = logged_in_at - interval '91 days'")
    assert (await auth.log_in(user["email"], at=HERE)).status_code == 429


async def test_many_addresses_guess_at_one_account_no_faster_than_one(start):
    auth = await start(**FEW)
    user = await auth.register()
    answers = [await auth.log_in(user["email"], WRONG, f"203.0.113.{n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429, 429]


async def test_one_address_guesses_at_many_accounts_no_faster_than_it_may(start):
    auth = await start(LOGIN_FAILURES_PER_ADDRESS="4")
    network = [f"2001:db8::{n}" for n in range(6)]
    answers = [await auth.log_in(f"nobody{n}@example.com", WRONG, at) for n, at in enumerate(network)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
    assert 800 < int(answers[-1].headers["retry-after"]) <= 900
    assert await fail(auth, "somebody@example.com", 1, at="2001:db8:0:1::1") == [401]


async def test_all_the_world_guesses_no_faster_than_it_may(start):
    auth = await start(LOGIN_FAILURES_IN_ALL="4")
    answers = [await auth.log_in(f"nobody{n}@example.com", WRONG, f"203.0.113.{n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2


async def test_who_logs_in_uses_nothing_up_and_wipes_nothing_out(start):
    auth = await start(LOGIN_FAILURES_PER_ADDRESS="6")
    user = await auth.register()
    for n in range(10):
        assert (await auth.log_in(user["email"])).status_code == 200
        await fail(auth, f"nobody{n}@example.com", 1, at="127.0.0.1")
    assert (await levels(auth))["login from"] == 6


async def test_nobody_comes_from_where_he_only_says(start):
    auth = await start(LOGIN_FAILURES_PER_ADDRESS="3", TRUSTED_PROXIES="10.0.0.0/8")
    answers = [await auth.log_in(f"nobody{n}@example.com", WRONG, f"203.0.113.{n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]


async def test_two_processes_count_together_even_a_crowd(start):
    one = await start(LOGIN_TRIES="5")
    other = await start(one, LOGIN_TRIES="5")
    user = await one.register()
    crowd = [auth.log_in(user["email"], WRONG, f"203.0.113.{n}") for n in range(20) for auth in (one, other)]
    seen = Counter(answer.status_code for answer in await asyncio.gather(*crowd))
    assert (seen[401], seen[429]) == (5, 35)


async def test_a_restart_forgets_nothing(start):
    before = await start(**FEW, LOGIN_FIRST_WAIT="30s")
    await fail(before, "nobody@example.com", 3)
    await before.close()
    after = await start(before, **FEW, LOGIN_FIRST_WAIT="30s")
    refused = await after.log_in("nobody@example.com", WRONG, THERE)
    assert (refused.status_code, 20 < int(refused.headers["retry-after"]) <= 30) == (429, True)


async def test_a_crowd_of_good_logins_is_no_row_of_failures(start):
    auth = await start(**FEW)
    user = await auth.register()
    answers = await asyncio.gather(*(auth.log_in(user["email"], at=f"203.0.113.{n}") for n in range(20)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_password_nobody_had_time_for_does_not_count(start, monkeypatch):
    auth = await start(**FEW)
    monkeypatch.setattr("auth.passwords._PATIENCE", 0.0)
    assert {(await auth.log_in("nobody@example.com")).status_code for _ in range(5)} == {503}
    assert await levels(auth) == {}


async def test_who_waits_in_too_long_a_queue_is_told_to_come_again(auth, monkeypatch):
    monkeypatch.setattr("auth.doorkeeper._PATIENCE", 0.0)
    user = await auth.register()
    answers = await asyncio.gather(*(auth.log_in(user["email"]) for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert 503 in {answer.status_code for answer in answers}


async def test_nobody_waits_for_long_while_the_database_hangs(auth, monkeypatch):
    monkeypatch.setattr("auth.doorkeeper._PATIENCE", 0.1)
    user = await auth.register()
    async with auth.database.transaction() as session:
        await fetch(session, "LOCK TABLE tries")
        hanging = [asyncio.create_task(auth.log_in(f"nobody{n}@example.com")) for n in range(2)]
        await asyncio.sleep(0.3)
        refused = await asyncio.wait_for(asyncio.gather(*(auth.log_in(user["email"]) for _ in range(5))), 3)
        body = {"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}
        refused.append(await asyncio.wait_for(auth.client.post("/auth/register", json=body), 3))
        assert not any(task.done() for task in hanging)
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "unavailable")}
    assert {answer.status_code for answer in await asyncio.gather(*hanging)} == {401}
    assert (await auth.log_in(user["email"])).status_code == 200


@pytest.mark.parametrize(
    ("setting", "emails"),
    [
        ("REGISTRATIONS_PER_ACCOUNT", ["ann@example.com"] * 4),
        ("REGISTRATIONS_PER_ADDRESS", [f"ann{n}@example.com" for n in range(4)]),
        ("REGISTRATIONS_IN_ALL", [f"ann{n}@example.com" for n in range(4)]),
    ],
)
async def test_accounts_are_not_made_by_the_thousand(start, setting, emails):
    auth = await start(**{setting: "3"})
    body = {"name": "Ann", "password": "correct horse battery"}
    answers = [await auth.client.post("/auth/register", json=body | {"email": email}) for email in emails]
    assert answers[0].status_code == 201
    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True]
    assert answers[-1].json()["code"] == "too_many_tries"
    assert 1100 < int(answers[-1].headers["retry-after"]) <= 1200


async def test_what_is_refused_unread_is_not_counted(auth):
    for body in ({"email": "x"}, {"email": "ann@example.com"}, {}):
        assert (await auth.client.post("/auth/login", json=body)).status_code == 422
    assert await auth.sql("SELECT FROM tries") == []


async def test_nobodys_address_is_kept(auth):
    user = await auth.register()
    await auth.log_in(user["email"], at=HERE)
    await fail(auth, user["email"], 1)
    kept = str(await auth.sql("SELECT * FROM tries")) + str(await auth.sql("SELECT * FROM known_addresses"))
    for told in (user["email"], HERE, THERE):
        assert told not in kept


async def test_old_tries_are_forgotten(auth):
    user = await auth.register()
    await auth.log_in(user["email"])
    await fail(auth, user["email"], 1)
    assert await auth.work_loops("old tries") == 0
    await auth.sql("UPDATE known_addresses SET logged_in_at = logged_in_at - interval '91 days'")
    ages = "seen_at = seen_at - interval '25 hours', free_at = free_at - interval '25 hours'"
    await auth.sql(f"UPDATE tries SET {ages} WHERE kind = 'login'")  # noqa: S608 - our own text
    assert await auth.work_loops("old tries") == 2
    assert await auth.sql("SELECT FROM known_addresses") == []
    assert await auth.sql("SELECT FROM tries WHERE kind = 'login'") == []
