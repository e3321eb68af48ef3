"""Who may see which mails."""

from common.events import new_id
from common.testing import bearer

from .conftest import ordered, paid, registered


async def test_users_see_their_own_mails_newest_first(notifier, post):
    user, other = registered(), registered(email="bob@example.com")
    order = ordered(user.user_id)
    await notifier.hear(user, other, order, paid(order))
    await notifier.work_loops()
    answer = await notifier.client.get("/notifications", headers=bearer(user.user_id))
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["template"] for item in items] == ["order_paid", "welcome"]
    assert items[0]["status"] == "sent"
    assert items[0]["cause"] == f"order.paid:{order.order_id}"
    assert "example.com>" not in items[0]["message_id"].replace("souk.example>", "")


async def test_an_admin_sees_all_in_pages_and_by_status(notifier, post):
    users = [registered(email=f"u{n}@example.com") for n in range(3)]
    post.rcpt.append("550 5.1.1 no")
    await notifier.hear(*users)
    await notifier.work_loops()
    admin = bearer(new_id(), "admin")
    first = (await notifier.client.get("/notifications", params={"limit": 2}, headers=admin)).json()
    rest = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await notifier.client.get("/notifications", params=rest, headers=admin)).json()
    assert {item["user_id"] for item in first["items"] + second["items"]} == {str(user.user_id) for user in users}
    assert second["next_cursor"] is None
    found = await notifier.client.get("/notifications", params={"status": "rejected"}, headers=admin)
    assert [item["code"] for item in found.json()["items"]] == [550]


async def test_a_cursor_of_another_list_is_refused(notifier):
    user = registered()
    orders = [ordered(user.user_id) for _ in range(2)]
    await notifier.hear(user, *orders, *(paid(order) for order in orders))
    page = await notifier.client.get("/notifications", params={"limit": 1}, headers=bearer(user.user_id))
    stolen = {"cursor": page.json()["next_cursor"]}
    answer = await notifier.client.get("/notifications", params=stolen, headers=bearer(new_id()))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_nobody_sees_mails_without_a_token_or_by_unknown_parameters(notifier):
    assert (await notifier.client.get("/notifications")).status_code == 401
    user = bearer(new_id())
    for parameters in ({"user_id": "x"}, {"status": "lost"}, {"limit": "0"}):
        assert (await notifier.client.get("/notifications", params=parameters, headers=user)).status_code == 422
