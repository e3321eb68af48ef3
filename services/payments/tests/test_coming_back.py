"""Buyers who come back: the hand-back that is verified, and the page that says what is true."""

import asyncio
import re
import time
from base64 import b64encode
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx2
import orjson
import pytest

from common.events import new_id
from common.testing import bearer
from payments.domain import LOOK_PAUSE

from .conftest import Json, Till
from .market import RAZORPAY

GOOD, DECLINED, HELD = "4100280000001007", "4100280000060003", "4100289900010000"
SHOP = "https://shop.example/after"


@pytest.fixture
async def till(make_till, street) -> Till:
    base = {"RAZORPAY_API_BASE": f"{street.url}/sandbox/razorpay", "STOREFRONT_URL": SHOP}
    return await make_till(environ={**RAZORPAY, **base})


async def order(till: Till, **changes: Any) -> Json:
    """An open order at Razorpay, as `payment.opened` tells of it."""
    fact = till.request(provider="razorpay", flow="checkout", currency="INR", **changes)
    await till.one.hear(fact)
    await till.one.work_loops("open payments")
    told = await till.told("payment.opened")
    return next(data for data in told if data["order_id"] == str(fact.order_id))


async def session(till: Till) -> Json:
    """An open Checkout Session at Stripe."""
    await till.one.hear(till.request(flow="checkout"))
    await till.one.work_loops("open payments")
    return (await till.told("payment.opened"))[-1]


async def pay(till: Till, payment: Json, card: str = GOOD) -> Json:
    """The buyer pays; what the browser is handed."""
    url = f"/sandbox/razorpay/checkout/{payment['provider_ref']}"
    answer = await till.http.post(url, data={"card_number": card}, headers={"accept": "application/json"})
    handed: Json = answer.json()
    return handed


async def verify(till: Till, handed: Json, wait: int = 0, user: UUID | None = None) -> httpx2.Response:
    headers = {**bearer(user or till.buyer), "prefer": f"wait={wait}"}
    return await till.one.client.post("/payments/verify", json=handed, headers=headers)


async def come_back(till: Till, path: str, *, working: bool = True) -> httpx2.Response:
    """The browser opens the page, while the worker asks the provider."""
    asking = asyncio.create_task(till.one.client.get(f"/payments/return/{path}"))
    while working and not asking.done():
        await till.one.work_loops("poll payments", "close payments")
        await asyncio.sleep(0.02)
    return await asking


def title(answer: httpx2.Response) -> str:
    found = re.search(r"<h1>(.*)</h1>", answer.text)
    assert found is not None
    return found[1]


# -- the hand-back


async def test_a_verified_hand_back_is_answered_as_the_provider_says(till) -> None:
    payment = await order(till)
    handed = await pay(till, payment)
    async with till.one.service.running():
        answer = await verify(till, handed, 10)
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait=10"
    shown = answer.json()
    assert (shown["status"], shown["id"], shown["order_id"]) == (
        "succeeded",
        payment["payment_id"],
        payment["order_id"],
    )
    assert shown["number"] == "S-1000"
    again = await verify(till, handed, 10)
    assert (again.status_code, again.json()) == (200, shown)


async def test_a_hand_back_by_itself_changes_nothing(till) -> None:
    payment = await order(till)
    handed = await pay(till, payment)
    answer = await verify(till, handed)
    assert answer.json()["status"] == "open"
    assert await till.told("payment.succeeded") == []
    await till.one.work_loops("poll payments")
    assert (await verify(till, handed)).json()["status"] == "succeeded"


async def test_money_that_is_held_is_waited_for_and_said_to_be_on_its_way(till) -> None:
    handed = await pay(till, await order(till), HELD)
    async with till.one.service.running():
        answer = await verify(till, handed, 2)
    assert (answer.status_code, answer.json()["status"]) == (200, "authorized")


@pytest.mark.parametrize("field", ["razorpay_order_id", "razorpay_payment_id", "razorpay_signature"])
async def test_a_hand_back_that_razorpay_did_not_sign_is_refused(till, field) -> None:
    handed = await pay(till, await order(till))
    for wrong in ("x", "é", "0" * 64, handed[field][::-1]):
        answer = await verify(till, {**handed, field: wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid")
    assert (await till.rows("SELECT looked_at FROM payments"))[0]["looked_at"] is None


async def test_a_hand_back_is_three_texts_and_nothing_else(till) -> None:
    handed = await pay(till, await order(till))
    less = {name: value for name, value in handed.items() if name != "razorpay_signature"}
    for body in (
        less,
        {**handed, "status": "paid"},
        {**handed, "razorpay_order_id": 1},
        {},
        {**handed, "razorpay_payment_id": ""},
    ):
        assert (await verify(till, body)).status_code == 422


async def test_another_users_payment_is_not_verified_nor_an_unknown_one(till) -> None:
    handed = await pay(till, await order(till))
    assert (await verify(till, handed, user=new_id())).status_code == 404
    assert (await till.one.client.post("/payments/verify", json=handed)).status_code == 401
    await till.rows("UPDATE payments SET provider_ref = 'order_another'")
    assert (await verify(till, handed)).status_code == 404


async def test_without_razorpay_nothing_is_verified(make_till) -> None:
    till = await make_till()
    fields = {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": "0" * 64}
    answer = await verify(till, fields)
    assert (answer.status_code, answer.json()["code"]) == (422, "provider_not_configured")


async def test_no_connection_is_held_while_waiting(make_till, street) -> None:
    base = {"RAZORPAY_API_BASE": f"{street.url}/sandbox/razorpay", "DATABASE_POOL": "2"}
    till = await make_till(environ={**RAZORPAY, **base})
    handed = await pay(till, await order(till), HELD)
    waiting = [asyncio.create_task(verify(till, handed, 2)) for _ in range(20)]
    await asyncio.sleep(0.7)
    pool: Any = till.one.database.engine.pool
    assert pool.checkedout() == 0
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}


# -- the page


async def test_the_page_says_what_is_true_whatever_the_address_says(till) -> None:
    payment = await order(till)
    named = f"payment_id={payment['payment_id']}"
    assert title(await come_back(till, f"success?{named}")) == "Not paid yet"
    await pay(till, payment, DECLINED)
    await till.rows("UPDATE payments SET looked_at = NULL")
    assert title(await come_back(till, f"success?{named}")) == "Not paid: declined"
    await pay(till, payment)
    await till.rows("UPDATE payments SET looked_at = NULL")
    answer = await come_back(till, f"cancel?{named}")
    assert (answer.status_code, title(answer)) == (200, "Paid")
    assert "Order S-1000" in answer.text


async def test_every_provider_finds_its_payment_by_its_own_name(till) -> None:
    razorpay, stripe = await order(till), await session(till)
    for named in (
        f"razorpay_order_id={razorpay['provider_ref']}",
        f"session_id={stripe['provider_ref']}&utm_source=stripe&utm_source=again&x=%00",
        f"payment_id=nonsense&razorpay_order_id={razorpay['provider_ref']}",
    ):
        assert title(await come_back(till, f"success?{named}")) == "Not paid yet"


async def test_a_paid_session_is_shown_as_paid(till) -> None:
    payment = await session(till)
    url = payment["checkout_url"].partition("/sandbox")[2]
    await till.http.post(f"/sandbox{url}", data={"card_number": "4242424242424242"})
    answer = await come_back(till, f"success?session_id={payment['provider_ref']}")
    assert title(answer) == "Paid"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?session_id=cs_none",
        "?payment_id=1",
        "?payment_id=%00",
        "?razorpay_order_id=%ff",
        "?session_id=" + "a" * 9999,
    ],
)
async def test_nothing_known_by_that_name_is_said(till, query) -> None:
    answer = await come_back(till, f"success{query}", working=False)
    assert (answer.status_code, title(answer)) == (404, "Nothing known by that name")
    assert SHOP not in answer.text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("processing", "On its way"),
        ("cancelled", "Cancelled"),
        ("superseded", "Cancelled"),
        ("failed", "Not possible"),
        ("mismatched", "Not accepted"),
        ("succeeded", "Paid twice"),
        ("open", "Not known yet"),
    ],
)
async def test_every_state_has_its_words_while_the_provider_is_silent(till, status, said, monkeypatch) -> None:
    monkeypatch.setattr("payments.routes.returning.WAIT", 0.1)
    payment = await order(till)
    await till.rows("UPDATE payments SET status = $1", status)
    answer = await come_back(till, f"success?payment_id={payment['payment_id']}", working=False)
    assert (answer.status_code, title(answer)) == (200, said)


async def test_the_page_leads_to_the_shop_with_the_order_and_shows_nothing_of_the_buyer(till) -> None:
    payment = await order(till)
    answer = await come_back(till, f"success?payment_id={payment['payment_id']}")
    onward = f"{SHOP}?order_id={payment['order_id']}"
    assert f'<a href="{onward}">' in answer.text
    assert f'<meta http-equiv="refresh" content="5; url={onward}">' in answer.text
    assert str(till.buyer) not in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    style = re.search("<style>(.*)</style>", answer.text, re.DOTALL)
    assert style is not None
    assert f"style-src 'sha256-{b64encode(sha256(style[1].encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text


async def test_without_a_storefront_the_page_leads_nowhere(make_till) -> None:
    till = await make_till()
    payment = await till.open()
    answer = await come_back(till, f"success?payment_id={payment['payment_id']}")
    assert title(answer) == "Not paid yet"
    assert "href" not in answer.text
    assert "refresh" not in answer.text


async def test_what_is_written_into_the_page_is_escaped(till) -> None:
    payment = await order(till, number="<script>")
    answer = await come_back(till, f"success?payment_id={payment['payment_id']}")
    assert "Order &lt;script&gt;" in answer.text


async def test_only_these_two_pages_and_methods_are_there(till) -> None:
    payment = await order(till)
    for path in ("success", "cancel"):
        assert (await till.one.client.put(f"/payments/return/{path}")).status_code == 405
    assert (await till.one.client.get(f"/payments/return/else?payment_id={payment['payment_id']}")).status_code == 404


async def test_to_look_at_the_head_alone_asks_nobody(till) -> None:
    payment = await order(till)
    answer = await till.one.client.head(f"/payments/return/success?payment_id={payment['payment_id']}")
    assert answer.status_code == 200
    assert (await till.payment(payment["payment_id"]))["looked_at"] is None


async def test_a_crowd_at_the_page_has_the_provider_asked_once_and_a_moment_later_once_more(till, monkeypatch) -> None:
    monkeypatch.setattr("payments.routes.returning.WAIT", 0.2)
    payment = await order(till)
    calls: list[float] = []
    fetch = till.one.service.app.state.providers["razorpay"].fetch

    async def counted(ref: str) -> Any:
        calls.append(time.monotonic())
        return await fetch(ref)

    monkeypatch.setattr(till.one.service.app.state.providers["razorpay"], "fetch", counted)
    path = f"success?payment_id={payment['payment_id']}"
    async with till.one.service.running():
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            await asyncio.gather(*(come_back(till, path, working=False) for _ in range(5)))
        assert len(calls) == 1
        row = await till.payment(payment["payment_id"])
        assert row["due_at"] == row["looked_at"]  # who came since is not forgotten
        await pay(till, payment)
        async with asyncio.timeout(10):
            while not await till.told("payment.succeeded"):
                await asyncio.sleep(0.05)
    assert len(calls) == 2
    assert calls[1] - calls[0] > LOOK_PAUSE.total_seconds() * 0.9


async def test_who_finds_the_payment_already_looked_for_writes_nothing(till) -> None:
    payment = await order(till)
    path = f"/payments/return/success?payment_id={payment['payment_id']}"
    rows = []
    for _ in range(2):
        await till.one.client.get(path)
        rows.append(await till.rows("SELECT xmin::text, looked_at FROM payments"))
    assert rows[0] == rows[1]


# -- Razorpay's callback_url


async def posted(till: Till, form: Json, query: str = "", **more: Any) -> httpx2.Response:
    return await till.one.client.post(f"/payments/return/success{query}", data=form, **more)


async def test_a_posted_hand_back_leads_to_the_page_of_what_razorpay_signed_for(till) -> None:
    payment = await order(till)
    handed = await pay(till, payment)
    answer = await posted(till, handed, "?payment_id=of-somebody-else")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"success?razorpay_order_id={payment['provider_ref']}"
    assert title(await come_back(till, answer.headers["location"])) == "Paid"


async def test_a_posted_hand_back_that_is_not_signed_leads_nowhere(till) -> None:
    handed = await pay(till, await order(till))
    answer = await posted(till, {**handed, "razorpay_signature": "0" * 64})
    assert (answer.status_code, title(answer)) == (400, "Nothing known by that name")
    assert (await till.rows("SELECT looked_at FROM payments"))[0]["looked_at"] is None


async def test_a_posted_error_leads_to_the_payment_that_the_address_or_the_error_names(till) -> None:
    payment = await order(till)
    error = {"error[code]": "BAD_REQUEST_ERROR", "error[description]": "Payment failed"}
    answer = await posted(till, error, f"?payment_id={payment['payment_id']}&x=1")
    assert answer.headers["location"] == f"cancel?payment_id={payment['payment_id']}"
    metadata = orjson.dumps({"order_id": payment["provider_ref"], "payment_id": "pay_1"}).decode()
    answer = await posted(till, {**error, "error[metadata]": metadata})
    assert answer.headers["location"] == f"cancel?razorpay_order_id={payment['provider_ref']}"
    assert title(await come_back(till, answer.headers["location"])) == "Not paid yet"


@pytest.mark.parametrize(
    "form",
    [b"", b"\xff", b"a=1&" * 100, b"error[metadata]=[]", b"error[metadata]={", b'error[metadata]={"order_id": "a b"}'],
)
async def test_a_post_that_names_nothing_is_no_hand_back(till, form) -> None:
    for type_ in ("application/x-www-form-urlencoded", "application/json"):
        answer = await till.one.client.post("/payments/return/success", content=form, headers={"content-type": type_})
        assert (answer.status_code, title(answer)) == (400, "Nothing known by that name")
