"""Payments to look at."""

from datetime import UTC, datetime
from uuid import UUID

from common.events import new_id
from common.testing import bearer

from .market import RAZORPAY
from .test_webhooks import statements


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


async def test_payments_are_listed_by_what_they_are(make_till) -> None:
    till = await make_till(environ=RAZORPAY)
    paid, left = await till.paid(), await till.open()
    before = datetime.now(UTC)
    await till.one.hear(till.request(provider="razorpay", flow="checkout", currency="INR"))

    async def listed(query: str, *roles: str) -> list[str]:
        user = new_id() if roles else None
        return [item["id"] for item in (await till.show(f"?{query}", *roles, user=user)).json()["items"]]

    moment = before.isoformat().replace("+00:00", "Z")
    for roles in ((), ("support",), ("admin",)):
        assert await listed("status=succeeded", *roles) == [paid["payment_id"]]
        assert await listed("status=open&provider=stripe", *roles) == [left["payment_id"]]
        assert len(await listed("provider=razorpay", *roles)) == 1
        assert await listed(f"created_to={moment}", *roles) == [left["payment_id"], paid["payment_id"]]
        assert await listed(f"created_from={moment}&status=intended", *roles) == await listed(
            "provider=razorpay", *roles
        )
        assert await listed(f"created_from={moment}&created_to={moment}", *roles) == []
        assert await listed(f"order_id={paid['order_id']}&status=open", *roles) == []
    for wrong in ("status=lost", "provider=St'ripe", "created_from=yesterday", "created_from=2026-01-01T00:00:00"):
        assert (await till.show(f"?{wrong}")).status_code == 422, wrong


async def test_a_cursor_belongs_to_its_filters(till) -> None:
    for _ in range(2):
        await till.open()
    cursor = (await till.show("?limit=1&status=open")).json()["next_cursor"]
    assert len((await till.show(f"?limit=1&status=open&cursor={cursor}")).json()["items"]) == 1
    assert (await till.show(f"?limit=1&status=succeeded&cursor={cursor}")).status_code == 422


async def test_a_payment_is_shown_with_its_money_by_a_constant_number_of_statements(till) -> None:
    payment = await till.paid()
    path = f"/{payment['payment_id']}"
    await till.show(path)  # the driver asks each connection once about types
    counts = []
    for shown in range(3):
        async with statements(till) as seen:
            body = (await till.show(path)).json()
        counts.append(len([word for word in seen if word == "SELECT"]))
        assert len(body["refunds"]) == shown
        await till.one.hear(till.refund(payment, 100 + shown))
        await till.one.work_loops("send refunds")
    assert len(set(counts)) == 1
    assert counts[0] <= 6  # three, each seen by SQLAlchemy and by the driver
    assert [(money["amount"]["amount"], money["status"]) for money in body["captures"]] == [(2599, "accepted")]
    assert [(back["amount"]["amount"], back["reason"]) for back in body["refunds"]] == [
        (100, "out_of_stock"),
        (101, "out_of_stock"),
    ]
    assert {back["capture_ref"] for back in body["refunds"]} == {body["captures"][0]["capture_ref"]}
    assert body["number"] == "S-1000"


async def test_a_page_of_payments_is_one_statement_however_many_there_are(till) -> None:
    counts = []
    for _ in range(3):
        await till.paid()
        await till.show("")
        async with statements(till) as seen:
            await till.show("")
        counts.append(len(seen))
    assert len(set(counts)) == 1
