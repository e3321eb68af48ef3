"""Opening a payment: once per key, whatever becomes of the calls."""

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from common.events import new_id
from common.money import Money, NotChargeable
from payments.errors import NotAllowed, Refused, UnknownOutcome

DONE_BUT_UNTOLD = [
    {"mode": "commit_then_hang"},
    *({"mode": "commit_then_error", "variant": "error", "status": status} for status in (409, 429, 500, 503)),
    *({"mode": "commit_then_error", "variant": variant} for variant in ("reset", "truncate", "html")),
]
NOT_DONE = [{"mode": "hang"}, *({"mode": "error", "status": status} for status in (409, 429, 500, 502))]


def named(fault: dict) -> str:
    return "-".join(str(value) for value in fault.values())


async def test_what_was_opened_is_open_for_the_payment_it_was_opened_for(way) -> None:
    terms = way.terms()
    opened = await way.open(terms)
    [fact] = opened.facts
    assert (fact.kind, fact.subject, fact.object_ref, fact.money) == (
        "opened",
        terms.payment_id,
        opened.ref,
        terms.money,
    )
    assert (fact.provider, fact.livemode, fact.capture_ref) == (way.provider_name, False, "")
    assert [thing["metadata" if "metadata" in thing else "notes"]["order_id"] for thing in await way.made()] == [
        str(terms.order_id)
    ]


@pytest.mark.parametrize("fault", [*DONE_BUT_UNTOLD, *NOT_DONE], ids=named)
async def test_after_an_unknown_outcome_the_same_call_opens_once(way, fault) -> None:
    terms = way.terms()
    request, key = way.adapter.payment_request(terms), f"pay-{terms.payment_id}-{new_id().hex}"
    await way.chaos(operation=way.opens, **fault)
    with pytest.raises(UnknownOutcome):
        await way.adapter.open(request, key)
    again = [await way.adapter.open(request, key), await way.another().open(request, key)]
    assert [opened.ref for opened in again] == [thing["id"] for thing in await way.made()] * 2


async def test_the_same_call_by_several_workers_opens_once(way) -> None:
    terms = way.terms()
    request, key = way.adapter.payment_request(terms), f"pay-{terms.payment_id}"
    outcomes = await asyncio.gather(*(way.adapter.open(request, key) for _ in range(6)), return_exceptions=True)
    assert {type(outcome).__name__ for outcome in outcomes} <= {"Opened", "UnknownOutcome"}
    assert len(await way.made()) == 1


async def test_what_was_opened_is_found_by_our_id(way) -> None:
    began = datetime.now(UTC)
    first, second = way.terms(), way.terms()
    opened = [await way.open(terms) for terms in (first, second)]
    assert (await way.adapter.find(first.payment_id, began)).ref == opened[0].ref
    assert (await way.adapter.find(second.payment_id, began)).facts[0].subject == second.payment_id
    assert await way.adapter.find(new_id(), began) is None
    assert await way.adapter.find(first.payment_id, began + timedelta(hours=1)) is None


async def test_credentials_that_are_refused_say_so(way) -> None:
    wrong = {"key": "sk_wrong"} if way.provider_name == "stripe" else {"key_secret": "wrong"}
    adapter = way.another(**wrong)
    with pytest.raises(NotAllowed):
        await adapter.open(adapter.payment_request(way.terms()), "pay-with-wrong-credentials")


async def test_what_the_provider_refuses_for_good_is_refused(way) -> None:
    wanted = orjson.loads(way.adapter.payment_request(way.terms()))
    with pytest.raises(Refused):
        await way.adapter.open(orjson.dumps({**wanted, "no_such_thing": "x"}).decode(), "pay-something-unknown")
    assert await way.made() == []


@pytest.mark.parametrize(("money", "units"), [(Money(500, "JPY"), 500), (Money(12340, "KWD"), 12340)])
async def test_an_amount_is_the_same_there_and_back(way, money, units) -> None:
    opened = await way.open(way.terms(money=money))
    [made] = await way.made()
    assert made.get("amount", made.get("amount_total")) == units
    assert opened.facts[0].money == money
    await way.pay(opened)
    assert [fact.money for fact in await way.facts(opened, "captured")] == [money]


async def test_an_amount_off_the_grid_is_not_chargeable(way) -> None:
    with pytest.raises(NotChargeable):
        way.adapter.payment_request(way.terms(money=Money(12345, "KWD")))


async def test_each_way_gives_the_buyer_what_it_takes(intent, checkout, razorpay) -> None:
    assert (await intent.open()).client_secret.startswith("pi_")
    assert (await checkout.open()).checkout_url.startswith("http")
    opened = await razorpay.open()
    assert opened.razorpay == {"order_id": opened.ref, "key_id": "rzp_test_souk", "amount": 2599, "currency": "INR"}


async def test_a_session_leads_back_and_ends_within_what_stripe_allows(checkout) -> None:
    terms = checkout.terms(expires_at=datetime.now(UTC) + timedelta(minutes=5))
    request = orjson.loads(checkout.adapter.payment_request(terms))
    assert 30 * 60 < request["expires_at"] - datetime.now(UTC).timestamp() <= 31 * 60
    assert request["success_url"].endswith("/payments/return/success?session_id={CHECKOUT_SESSION_ID}")
    assert request["cancel_url"].endswith(f"/payments/return/cancel?payment_id={terms.payment_id}")
    assert request["metadata"] == request["payment_intent_data"]["metadata"]
    later = checkout.terms(expires_at=datetime.now(UTC) + timedelta(days=7))
    await checkout.open(later)
    [session] = await checkout.made()
    assert session["client_reference_id"] == str(later.order_id)
    assert session["expires_at"] - session["created"] < 24 * 3600
    assert session["customer_email"] == "ada@example.com"


async def test_an_address_stripe_does_not_like_keeps_nobody_from_paying(checkout) -> None:
    terms = checkout.terms(email="not an address")
    request, key = checkout.adapter.payment_request(terms), "pay-without-address"
    assert (await checkout.adapter.open(request, key)).ref == (await checkout.adapter.open(request, key)).ref
    [session] = await checkout.made()
    assert session["customer_email"] is None


async def test_a_session_whose_call_came_late_is_opened_all_the_same(checkout) -> None:
    wanted = orjson.loads(checkout.adapter.payment_request(checkout.terms(email="not an address")))
    wanted["expires_at"] -= 20 * 60
    opened = await checkout.adapter.open(orjson.dumps(wanted).decode(), "pay-much-later")
    assert [session["id"] for session in await checkout.made()] == [opened.ref]


async def test_a_country_without_unique_receipts_opens_once_by_looking(razorpay, instead, street) -> None:
    stand_in = street.sandbox

    async def without(scope, receive, send) -> None:
        """The stand-in, but it knows no unique receipts."""
        message = await receive()
        spoilt = {**message, "body": message.get("body", b"").replace(b'"unique_receipt"', b'"not_unique_receipt"')}

        async def once() -> dict:
            return spoilt

        await stand_in(scope, once, send)

    terms = razorpay.terms()
    request = razorpay.adapter.payment_request(terms)
    async with instead(without):
        opened = [await razorpay.adapter.open(request, "pay-by-looking") for _ in range(2)]
    assert [order["id"] for order in await razorpay.made()] == [opened[0].ref] == [opened[1].ref]
