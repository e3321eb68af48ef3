"""What admins see of users and do to them."""

import asyncio

import pytest

NOBODY = "01920000-0000-7000-8000-000000000000"


def _signed_in(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/users"), ("PATCH", f"/users/{NOBODY}")])
async def test_only_admins_come_in(auth, method, path):
    headers = _signed_in(await auth.tokens((await auth.register())["email"]))
    body = {"roles": ["admin"]} if method == "PATCH" else None
    assert (await auth.client.request(method, path, headers=headers, json=body)).status_code == 403
    assert (await auth.client.request(method, path, json=body)).status_code == 401


async def test_users_are_listed_page_by_page_and_found_by_address(auth):
    _, headers = await auth.admin()
    made = [(await auth.register())["id"] for _ in range(4)]
    first = (await auth.client.get("/users?limit=3", headers=headers)).json()
    rest = (await auth.client.get(f"/users?limit=3&cursor={first['next_cursor']}", headers=headers)).json()
    assert [user["id"] for user in first["items"] + rest["items"]][1:] == made
    assert rest["next_cursor"] is None
    assert first["items"][0]["roles"] == ["admin", "customer"]
    [found] = (await auth.client.get("/users?email=Ann3@example.com", headers=headers)).json()["items"]
    assert found["id"] == made[1]
    assert found.keys() >= {"disabled", "version", "created_at", "updated_at"}
    assert "password_hash" not in found


async def test_an_admin_gives_and_takes_roles(auth):
    _, headers = await auth.admin()
    user = await auth.register()
    answer = await auth.client.patch(
        f"/users/{user['id']}", headers=headers, json={"roles": ["seller", "customer", "seller"]}
    )
    assert (answer.status_code, answer.json()["roles"]) == (200, ["customer", "seller"])
    [fact] = await auth.told("user.updated")
    assert (fact.data["roles"], fact.data["version_number"]) == (["customer", "seller"], 2)


async def test_disabling_ends_every_session_and_enabling_lets_in_again(auth):
    _, headers = await auth.admin()
    user = await auth.register()
    sessions = [await auth.tokens(user["email"]) for _ in range(2)]
    path = f"/users/{user['id']}"
    assert (await auth.client.patch(path, headers=headers, json={"disabled": True})).json()["disabled"] is True
    assert [(await auth.refresh(one["refresh_token"])).status_code for one in sessions] == [401, 401]
    assert (await auth.log_in(user["email"])).status_code == 401
    mine = _signed_in(sessions[0])
    assert (await auth.client.get("/users/me", headers=mine)).status_code == 401
    assert (await auth.client.patch("/users/me", headers=mine, json={"name": "A"})).status_code == 401
    assert [fact.data["reuse"] for fact in await auth.told("user.logged_out")] == [False, False]
    assert (await auth.client.patch(path, headers=headers, json={"disabled": False})).json()["version"] == 3
    assert (await auth.log_in(user["email"])).status_code == 200
    assert (await auth.refresh(sessions[0]["refresh_token"])).status_code == 401


async def test_the_same_change_twice_is_one_fact(auth):
    _, headers = await auth.admin()
    user = await auth.register()
    for body in ({"disabled": True}, {"disabled": True}, {}):
        answer = await auth.client.patch(f"/users/{user['id']}", headers=headers, json=body)
        assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert len(await auth.told("user.updated")) == 1


@pytest.mark.parametrize("body", [{"roles": ["customer"]}, {"disabled": True}])
async def test_an_admin_cannot_shut_himself_out(auth, body):
    admin, headers = await auth.admin()
    answer = await auth.client.patch(f"/users/{admin}", headers=headers, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "own_admin_role")
    assert (await auth.client.patch(f"/users/{admin}", headers=headers, json={"roles": ["admin"]})).status_code == 200


async def test_of_two_admins_who_demote_each_other_at_once_one_remains(auth):
    (one, ones), (two, twos) = await auth.admin(), await auth.admin()
    answers = await asyncio.gather(
        auth.client.patch(f"/users/{two}", headers=ones, json={"roles": ["customer"]}),
        auth.client.patch(f"/users/{one}", headers=twos, json={"roles": ["customer"]}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    [left] = await auth.sql("SELECT id FROM users WHERE roles ? 'admin'")
    assert left["id"] in (one, two)


async def test_an_admin_of_yesterday_changes_nobody_with_a_token_of_yesterday(auth):
    admin, headers = await auth.admin()
    user = await auth.register()
    await auth.sql("UPDATE users SET roles = '[\"customer\"]' WHERE id = $1", admin)
    answer = await auth.client.patch(f"/users/{user['id']}", headers=headers, json={"roles": ["admin"]})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"roles": ["root"]},
        {"roles": []},
        {"roles": "admin"},
        {"roles": None},
        {"disabled": None},
        {"disabled": "yes"},
        {"name": "Bob"},
        {"email": "bob@example.com"},
        {"password": "another horse battery"},
    ],
)
async def test_an_admin_changes_roles_and_disabled_and_nothing_else(auth, body):
    _, headers = await auth.admin()
    user = await auth.register()
    assert (await auth.client.patch(f"/users/{user['id']}", headers=headers, json=body)).status_code == 422


@pytest.mark.parametrize("user_id", [NOBODY, "1", "ABCDEF00-0000-7000-8000-000000000000"])
async def test_there_is_nothing_to_change_of_nobody(auth, user_id):
    _, headers = await auth.admin()
    answer = await auth.client.patch(f"/users/{user_id}", headers=headers, json={"disabled": True})
    assert answer.status_code == 404
