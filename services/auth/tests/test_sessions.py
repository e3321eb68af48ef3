"""Refresh tokens rotate; a used one ends its family, but for one repetition at once; logging out ends it too."""

import asyncio
from datetime import timedelta

import pytest


@pytest.fixture
async def first(auth):
    return (await auth.tokens((await auth.register())["email"]))["refresh_token"]


async def _good(auth, token):
    answer = await auth.refresh(token)
    assert answer.status_code == 200, answer.text
    return answer.json()["refresh_token"]


async def _let_pass(auth, seconds):
    """Move the session into the past, instead of waiting."""
    await auth.sql("UPDATE user_sessions SET refreshed_at = refreshed_at - $1::interval", timedelta(seconds=seconds))


async def _assert_ended(auth, *tokens, reuse=True):
    assert [(await auth.refresh(token)).status_code for token in tokens] == [401] * len(tokens)
    facts = await auth.told("user.logged_out")
    assert [fact.data["reuse"] for fact in facts] == [reuse]


async def test_a_refresh_gives_a_new_pair_that_works(auth, first):
    answer = await auth.refresh(first)
    tokens = answer.json()
    assert (answer.status_code, tokens["expires_in"]) == (200, 600)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await auth.client.get("/users/me", headers=headers)).status_code == 200
    await _good(auth, await _good(auth, tokens["refresh_token"]))


async def test_a_refresh_repeated_at_once_gives_one_successor_and_both_answers_work(auth, first):
    lost = await _good(auth, first)
    again = await _good(auth, first)
    assert again != lost
    await _good(auth, again)
    assert await auth.told("user.logged_out") == []


async def test_the_third_use_of_a_token_ends_the_family(auth, first):
    successors = [await _good(auth, first), await _good(auth, first)]
    await _assert_ended(auth, first, *successors)


async def test_a_repetition_after_eleven_seconds_ends_the_family(auth, first):
    successor = await _good(auth, first)
    await _let_pass(auth, 11)
    await _assert_ended(auth, first, successor)


async def test_a_repetition_after_five_seconds_does_not(auth, first):
    await _good(auth, first)
    await _let_pass(auth, 5)
    await _good(auth, await _good(auth, first))


async def test_an_older_generation_ends_the_family_at_once(auth, first):
    newest = await _good(auth, await _good(auth, first))
    await _assert_ended(auth, first, newest)


async def test_a_thief_who_repeated_in_time_is_found_out_at_the_next_refresh(auth, first):
    victims, thiefs = await _good(auth, first), await _good(auth, first)
    newest = await _good(auth, victims)
    await _let_pass(auth, 11)
    await _assert_ended(auth, thiefs, newest)


async def test_without_grace_no_repetition_is_allowed(start):
    auth = await start(REFRESH_GRACE="0s")
    token = (await auth.tokens((await auth.register())["email"]))["refresh_token"]
    successor = await _good(auth, token)
    await asyncio.sleep(0.01)
    await _assert_ended(auth, token, successor)


async def test_twenty_refreshes_at_once_give_two_answers_and_end_the_family_once(auth, first):
    answers = await asyncio.gather(*(auth.refresh(first) for _ in range(20)))
    good = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [401] * 18
    await _assert_ended(auth, *good)


async def test_another_session_of_the_user_lives_on(auth):
    user = await auth.register()
    stolen, other = [(await auth.tokens(user["email"]))["refresh_token"] for _ in range(2)]
    await _good(auth, await _good(auth, stolen))
    await _assert_ended(auth, stolen)
    await _good(auth, other)


@pytest.mark.parametrize(
    "ageing",
    [
        "refreshed_at = refreshed_at - interval '14 days'",
        "expires_at = now()",
    ],
)
async def test_a_session_ends_unused_after_14_days_and_at_all_after_30(auth, first, ageing):
    token = await _good(auth, first)
    [row] = await auth.sql("SELECT expires_at - created_at AS life FROM user_sessions")
    assert abs(row["life"] - timedelta(days=30)) < timedelta(seconds=5)
    await auth.sql(f"UPDATE user_sessions SET {ageing}")  # noqa: S608 - ageing stands in this file
    answer = await auth.refresh(token)
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_refused")
    assert await auth.told("user.logged_out") == []


async def test_a_used_session_lives_past_14_days(auth, first):
    await _let_pass(auth, 13 * 86400)
    second = await _good(auth, first)
    await _let_pass(auth, 13 * 86400)
    await _good(auth, second)


async def test_logging_out_ends_the_session_and_twice_is_no_error(auth, first):
    for _ in range(2):
        answer = await auth.client.post("/auth/logout", json={"refresh_token": first})
        assert (answer.status_code, answer.content) == (204, b"")
    await _assert_ended(auth, first, reuse=False)


async def test_an_older_token_logs_out_its_whole_family(auth, first):
    newest = await _good(auth, await _good(auth, first))
    assert (await auth.client.post("/auth/logout", json={"refresh_token": first})).status_code == 204
    await _assert_ended(auth, newest, reuse=False)


async def test_access_and_refresh_tokens_do_not_stand_in_for_each_other(auth):
    tokens = await auth.tokens((await auth.register())["email"])
    headers = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    assert (await auth.client.get("/users/me", headers=headers)).status_code == 401
    assert (await auth.refresh(tokens["access_token"][:500])).status_code == 401
    assert (await auth.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("token", ["", None, 5, "x" * 600])
async def test_what_cannot_be_a_refresh_token_is_refused(auth, token):
    answer = await auth.client.post("/auth/refresh", json={"refresh_token": token})
    assert answer.status_code == 422


@pytest.mark.parametrize("token", ["x", "\u00e9\u00e8", "' OR 1=1 --"])
async def test_an_unknown_refresh_token_is_refused_and_nothing_to_log_out(auth, token):
    answer = await auth.refresh(token)
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_refused")
    assert (await auth.client.post("/auth/logout", json={"refresh_token": token})).status_code == 204


async def test_roles_are_read_again_at_each_refresh(auth):
    user = await auth.register()
    tokens = await auth.tokens(user["email"])
    await auth.sql("UPDATE users SET roles = '[\"seller\"]'")
    fresh = (await auth.refresh(tokens["refresh_token"])).json()["access_token"]
    assert auth.service.keyring.verify(fresh).roles == {"seller"}
    assert auth.service.keyring.verify(tokens["access_token"]).roles == {"customer"}
