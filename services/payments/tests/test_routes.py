"""Payments to look at."""

from uuid import UUID

from common.events import new_id
from common.testing import bearer


async def test_payments_are_shown_to_their_buyer_and_to_the_staff(till) -> None:
    payment = await till.open()
    path = f"/{payment['payment_id']}"
    assert (await till.show(path)).json()["amount"] == {"amount": 2599, "currency": "USD"}
    assert (await till.show(path, user=new_id())).status_code == 404
    assert (await till.show(path, "support", user=new_id())).json()["status"] == "open"
    assert (await till.show(f"/{new_id()}", "admin")).status_code == 404
    assert (await till.one.client.get(f"/payments{path}")).status_code == 401


async def test_payments_are_listed_in_pages(till) -> None:
    made = [await till.open() for _ in range(3)]
    first = (await till.show("?limit=2")).json()
    rest = (await till.show(f"?limit=2&cursor={first['next_cursor']}")).json()
    listed = [item["id"] for item in first["items"] + rest["items"]]
    assert listed == [payment["payment_id"] for payment in reversed(made)]
    assert (await till.show("", user=new_id())).json() == {"items": [], "next_cursor": None}
    one = (await till.show(f"?order_id={made[0]['order_id']}", "admin", user=new_id())).json()
    assert [item["id"] for item in one["items"]] == [made[0]["payment_id"]]
    assert (await till.one.client.get("/payments?colour=red", headers=bearer(till.buyer))).status_code == 422
    assert UUID(listed[0])
