"""The page that buyers come back to: it says what is true, whatever the address says, and changes nothing."""

import asyncio
import re
import time
from base64 import b64encode
from hashlib import sha256
from typing import Any

import httpx2
import orjson
import pytest

from payments.domain import LOOK_PAUSE

from .coming_back import DECLINED, at_razorpay, come_back, order, pay, session, title
from .conftest import Json, Till

SHOP = "https://shop.example/after"


@pytest.fixture
async def till(make_till, street) -> Till:
    return await make_till(environ={**at_razorpay(street), "STOREFRONT_URL": SHOP})


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


async def test_who_finds_the_payment_already_looked_for_writes_nothing(till, monkeypatch) -> None:
    monkeypatch.setattr("payments.routes.returning.WAIT", 0.1)
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
