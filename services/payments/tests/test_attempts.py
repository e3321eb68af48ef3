"""One payment of an order at a time: another try closes the one before, and whoever has the money keeps the order."""

import asyncio
from datetime import timedelta

import pytest

from common.contracts.auth import UserRegistered
from common.contracts.orders import OrderCancelled
from common.money import Money

from .conftest import MakeTill
from .market import RAZORPAY, Market, together


@pytest.fixture
async def market(make_till: MakeTill) -> Market:
    return Market(await make_till(environ=RAZORPAY))


async def test_another_try_begins_when_the_one_before_is_closed(market) -> None:
    await market.open("stripe")
    await market.ask("razorpay")
    await market.work("open payments")
    assert await market.states() == ["open", "intended"]
    waiting = await market.row(2)
    assert (waiting["due_at"], waiting["waits_for"]) == (None, (await market.row(1))["id"])
    await market.work("close payments")
    assert await market.states() == ["cancelled", "intended"]
    await market.work("open payments")
    assert await market.states() == ["cancelled", "open"]
    assert await market.words() == [("opened", 1), ("cancelled", 1), ("opened", 2)]
    assert await market.reasons() == [(1, "superseded")]


async def test_the_provider_is_told_who_pays_until_when_and_where_to_send_the_buyer_back(market) -> None:
    known = {"user_id": market.till.buyer, "name": "Ada", "roles": ["customer"]}
    await market.one.hear(UserRegistered(**known, email="ada@example.com", version_number=1))
    await market.open("razorpay")
    terms = market.banks["razorpay"].terms[0]
    assert (terms.name, terms.email) == ("Ada", "ada@example.com")
    assert terms.expires_at == (await market.row(1))["expires_at"]
    assert terms.return_url == "http://127.0.0.1:8000/api/v1/payments/return"


async def test_the_buyer_gets_what_the_browsers_checkout_needs(market) -> None:
    account = await market.open("razorpay")
    opened = (await market.told("payment.opened"))[0]
    assert opened["razorpay"] == {"order_id": account.ref, "key_id": "key", "amount": 2599, "currency": "USD"}


async def test_what_the_provider_ends_by_itself_is_told(market) -> None:
    account = await market.open("stripe")
    account.closed = True
    await market.later("poll payments")
    assert await market.reasons() == [(1, "cancelled_at_provider")]


async def test_what_was_never_asked_for_makes_nobody_wait(market) -> None:
    await market.ask("stripe")
    await market.ask("stripe")
    await market.work("open payments")
    assert await market.states() == ["cancelled", "open"]
    assert len(market.banks["stripe"].accounts) == 1


async def test_an_order_at_a_provider_that_cannot_close_is_superseded_and_still_watched(market) -> None:
    await market.open("razorpay")
    await market.ask("stripe")
    await market.work("close payments")
    await market.work("open payments")
    assert await market.states() == ["superseded", "open"]
    assert await market.reasons() == [(1, "superseded")]
    row = await market.row(1)
    assert row["superseded_at"]
    assert row["due_at"]
    await market.later("poll payments")
    assert (await market.row(1))["polls"] == 1


async def test_a_superseded_payment_is_looked_at_for_seven_days_and_no_longer(market) -> None:
    await market.open("razorpay")
    await market.end()
    await market.later("close payments")
    waits = []
    for _ in range(5):
        await market.later("poll payments")
        row = (await market.till.rows("SELECT due_at - now() AS wait FROM payments"))[0]
        waits.append(round(row["wait"].total_seconds() / 60))
    assert waits == [2, 10, 60, 1440, 1440]
    await market.till.rows("UPDATE payments SET superseded_at = superseded_at - interval '6 days 23 hours'")
    await market.later("poll payments")
    last = (await market.till.rows("SELECT due_at - superseded_at AS wait FROM payments"))[0]
    assert last["wait"] == timedelta(days=7)
    await market.till.rows("UPDATE payments SET superseded_at = superseded_at - interval '2 hours'")
    await market.later("poll payments")
    assert (await market.row(1))["due_at"] is None


@pytest.mark.parametrize("state", ["processing", "authorized", "captured"])
@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
async def test_a_payment_whose_money_moves_stays_and_the_other_try_ends(market, provider, state) -> None:
    account = await market.open(provider)
    market.banks[provider].begin(account, state)
    await market.ask("stripe")
    await market.work("close payments")
    await market.work("open payments")
    assert await market.reasons() == [(2, "previous_attempt_live")]
    first = await market.row(1)
    assert (first["status"], first["closing"]) == ({"captured": "succeeded"}.get(state, state), None)
    assert (await market.row(2))["status"] == "cancelled"


async def test_the_one_that_stayed_is_polled_on_and_may_still_fail_and_be_replaced(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    one = bank.begin(account, "processing")
    await market.ask("stripe")
    await market.work("close payments")
    bank.become(one, "declined")
    await market.later("poll payments")
    assert await market.states() == ["open", "cancelled"]
    await market.ask("razorpay")
    await market.later("close payments")
    await market.work("open payments")
    assert await market.states() == ["cancelled", "cancelled", "open"]


async def test_a_webhook_of_the_money_ends_the_one_that_waits(market) -> None:
    account = await market.open("stripe")
    await market.ask("razorpay")
    await market.pay(account)
    assert await market.states() == ["succeeded", "cancelled"]
    assert await market.reasons() == [(2, "previous_attempt_live")]
    await market.later()
    assert market.banks["razorpay"].accounts == []


async def test_closing_asked_for_while_it_waits_is_answered_once_the_one_before_has_ended(market) -> None:
    await market.open("stripe")
    await market.ask("razorpay")
    await market.end("cancelled")
    assert await market.reasons() == []
    await market.later()
    assert await market.reasons() == [(1, "superseded"), (2, "cancelled")]
    assert market.banks["razorpay"].accounts == []


async def test_an_order_that_is_to_end_closes_the_payment_that_stayed(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    one = bank.begin(account, "processing")
    await market.ask("razorpay")
    await market.end("expired")
    await market.work("close payments")
    assert await market.reasons() == [(2, "previous_attempt_live")]
    assert (await market.row(1))["closing"] == "expired"
    bank.become(one, "declined")
    await market.later("close payments")
    assert await market.reasons() == [(2, "previous_attempt_live"), (1, "expired")]


async def test_a_third_try_takes_the_place_of_the_second_that_waits(market) -> None:
    await market.open("razorpay")
    await market.ask("stripe")
    await market.ask("stripe")
    await market.later()
    await market.later()
    assert await market.states() == ["superseded", "cancelled", "open"]
    assert sorted(await market.reasons()) == [(1, "superseded"), (2, "superseded")]


async def test_a_try_that_the_provider_refuses_to_open_makes_room(market) -> None:
    market.banks["stripe"].mood = ["late"]
    await market.ask("stripe")
    await market.work("open payments")
    await market.ask("razorpay")
    assert await market.states() == ["unknown", "intended"]
    await market.later("open payments")
    await market.later("close payments")
    await market.work("open payments")
    assert await market.states() == ["cancelled", "open"]


async def test_a_lie_about_the_amount_makes_room_for_another_try(market) -> None:
    account = await market.open("stripe")
    await market.ask("razorpay")
    account.money = Money(1, "USD")
    market.banks["stripe"].begin(account, "captured")
    await market.work("close payments")
    await market.work("open payments")
    assert await market.states() == ["mismatched", "open"]
    await market.later("send refunds")
    assert [back.amount for back in market.banks["stripe"].refunds] == [1]


async def test_an_order_that_is_paid_closes_whatever_else_is_open(market) -> None:
    first = await market.open("razorpay")
    await market.ask("stripe")
    await market.later("close payments")
    await market.work("open payments")
    await market.pay(first)
    assert await market.states() == ["succeeded", "open"]
    await market.order_paid()
    await market.work("close payments")
    assert await market.states() == ["succeeded", "cancelled"]
    assert (2, "order_paid") in await market.reasons()


async def test_another_try_of_a_paid_order_is_none(market) -> None:
    await market.pay(await market.open("stripe"))
    await market.ask("razorpay")
    assert await market.states() == ["succeeded", "cancelled"]
    assert await market.reasons() == [(2, "previous_attempt_live")]


async def test_no_order_ever_has_two_payments_that_are_asked_for(market) -> None:
    await market.open("stripe")
    await asyncio.gather(*(market.ask("stripe") for _ in range(4)))
    for _ in range(4):
        await market.one.work_waiting()
        await market.later()
        live = await market.till.rows(
            "SELECT count(*) AS n FROM payments WHERE status IN ('open', 'intended') AND waits_for IS NULL"
        )
        assert live[0]["n"] <= 1
    assert sorted(await market.states()) == ["cancelled"] * 4 + ["open"]


@pytest.mark.parametrize("with_another_try", [False, True])
async def test_capture_and_cancel_race_and_one_of_them_is_true(market, with_another_try) -> None:
    for _ in range(6):
        await market.clear()
        bank, account = market.banks["stripe"], await market.open("stripe")

        async def buyer(bank=bank, account=account) -> None:
            if bank.begin(account, "captured"):
                await market.deliver_new(bank)

        async def closer() -> None:
            await market.end("cancelled")
            await market.work("close payments")

        racers = [buyer(), closer(), market.later("poll payments")]
        await together(*racers, *([market.ask("razorpay")] if with_another_try else []))
        await market.one.work_waiting()
        for _ in range(3):
            await market.later()
        end = "succeeded" if bank.captured else "cancelled"
        assert (await market.row(1))["status"] == end
        assert await market.captures() == ["accepted"] * len(bank.captured)
        assert [word for word, attempt in await market.words() if attempt == 1] == ["opened", end]


async def test_an_order_that_ended_is_closed_everywhere(market) -> None:
    await market.open("stripe")
    await market.ask("razorpay")
    about = {"order_id": market.order_id, "number": "S-1000", "user_id": market.till.buyer, "reason": "called_off"}
    await market.one.hear(OrderCancelled.model_validate(about))
    await market.later()
    assert await market.states() == ["cancelled", "cancelled"]
