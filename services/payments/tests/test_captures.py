"""The order keeps the first money that comes, of whatever attempt and provider; all other money goes back by itself."""

import itertools

import pytest
from structlog.testing import capture_logs

from common.money import Money

from .conftest import MakeTill
from .market import RAZORPAY, Market, together


@pytest.fixture
async def market(make_till: MakeTill) -> Market:
    return Market(await make_till(environ=RAZORPAY))


@pytest.fixture
async def crowded(make_till: MakeTill) -> Market:
    """With a second worker."""
    return Market(await make_till(environ=RAZORPAY, workers=2))


async def both_open(market: Market):
    """A superseded Razorpay payment that can still be paid, and an open one at Stripe."""
    first = await market.open("razorpay")
    await market.ask("stripe")
    await market.later("close payments")
    await market.work("open payments")
    return first, market.banks["stripe"].accounts[-1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["razorpay first", "stripe first"])
@pytest.mark.parametrize("expired", [False, True])
async def test_both_providers_take_money_and_one_gives_it_back(market, order, expired) -> None:
    accounts = await both_open(market)
    if expired:
        await market.end()
    for index in order:
        await market.pay(accounts[index])
    assert await market.captures() == ["accepted", "surplus"]
    words = await market.words()
    assert words[-2:] == [("succeeded", order[0] + 1), ("surplus", order[1] + 1)]
    for _ in range(3):
        await market.later()
    first, second = (bank.captured for bank in (market.banks["razorpay"], market.banks["stripe"]))
    kept, surplus = (first, second) if order[0] == 0 else (second, first)
    assert kept[0].left == 2599
    assert surplus[0].left == 0
    told = await market.told("refund.succeeded")
    assert [(fact["capture"], fact["reason"]) for fact in told] == [("surplus", "surplus")]
    assert (await market.told("payment.surplus"))[0]["refund_id"] == told[0]["refund_id"]


async def test_both_providers_take_money_at_the_same_moment(crowded) -> None:
    for _ in range(5):
        await crowded.clear()
        first, second = await both_open(crowded)
        for name, account in (("razorpay", first), ("stripe", second)):
            crowded.banks[name].begin(account, "captured")
            notices = [crowded.banks[name].notice(index) for index in range(len(crowded.banks[name].said))]
            await crowded.store(name, notices)
        await together(*(worker.work_loops("apply facts") for worker in (crowded.one, crowded.till.other) * 2))
        assert sorted(await crowded.captures()) == ["accepted", "surplus"]
        assert len(await crowded.told("payment.succeeded")) == len(await crowded.told("payment.surplus")) == 1


async def test_a_second_capture_on_one_payment_is_surplus(market) -> None:
    account = await market.open("razorpay")
    bank = market.banks["razorpay"]
    await market.pay(account)
    second = await market.pay(account)
    assert (await market.row(1))["capture_ref"] == account.tries[0].ref
    assert await market.words() == [("opened", 1), ("succeeded", 1), ("surplus", 1)]
    await market.later()
    assert [back.of for back in bank.refunds] == [second]
    for index in range(len(bank.said)):
        await market.deliver(bank, index)
    assert len(await market.told("payment.surplus")) == len(bank.refunds) == 1


@pytest.mark.parametrize("into", ["expired", "cancelled"])
async def test_money_for_a_superseded_payment_is_the_orders_if_it_has_none(market, into) -> None:
    account = await market.open("razorpay")
    await market.end(into)
    await market.later("close payments")
    await market.pay(account)
    assert await market.states() == ["succeeded"]
    assert await market.words() == [("opened", 1), ("cancelled", 1), ("succeeded", 1)]
    assert (await market.row(1))["due_at"] is None


async def test_the_poller_finds_money_for_a_superseded_payment(market) -> None:
    account = await market.open("razorpay")
    await market.end()
    await market.later("close payments")
    market.banks["razorpay"].begin(account, "captured")
    await market.later("poll payments")
    assert await market.states() == ["succeeded"]


@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
async def test_authorized_captured_and_the_orders_own_word_in_every_order_take_one_capture(market, provider) -> None:
    for order in itertools.permutations(range(4)):
        await market.clear()
        account = await market.open(provider)
        bank = market.banks[provider]
        one = bank.begin(account, "authorized")
        bank.become(one, "captured")
        bank.said.append(bank._facts(account))  # order.paid: what the order itself says then
        bank.said.append(bank.said[1])
        await market.deliver(bank, *order)
        for _ in range(4):
            await market.later("apply facts")
        assert await market.states() == ["succeeded"], order
        assert await market.captures() == ["accepted"], order
        assert [word for word, _ in await market.words()].count("succeeded") == 1, order


async def test_a_fact_without_our_name_that_comes_first_waits_for_its_payment(market) -> None:
    bank = market.banks["razorpay"]
    bank.mood = ["late"]
    await market.ask("razorpay")
    await market.work("open payments")
    bank.begin(bank.accounts[0], "captured")
    await market.deliver(bank, 0)
    assert (await market.till.rows("SELECT status, object_ref FROM provider_events")) == [
        {"status": "unmatched", "object_ref": bank.accounts[0].ref}
    ]
    await market.later("open payments")
    await market.work("apply facts")
    assert await market.states() == ["succeeded"]
    assert (await market.till.rows("SELECT status FROM provider_events")) == [{"status": "applied"}]


async def test_another_amount_of_a_second_capture_goes_back_too(market) -> None:
    account = await market.open("razorpay")
    await market.pay(account)
    account.money = Money(100, "USD")
    await market.pay(account)
    assert await market.captures() == ["accepted", "surplus"]
    assert (await market.told("payment.surplus"))[0]["amount"] == {"amount": 100, "currency": "USD"}


async def test_each_capture_of_a_mismatched_payment_goes_back(market) -> None:
    account = await market.open("razorpay")
    account.money = Money(100, "USD")
    await market.pay(account)
    await market.pay(account)
    assert await market.captures() == ["mismatched", "mismatched"]
    await market.later()
    assert [one.left for one in account.tries] == [0, 0]
    assert {fact["capture"] for fact in await market.told("refund.succeeded")} == {"mismatched"}


async def test_a_refund_that_is_said_to_be_of_nothing_does_not_stop_the_books(market) -> None:
    account = await market.open("razorpay")
    bank = market.banks["razorpay"]
    await market.pay(account)
    await market.pay(account)
    bank.refunds_settle = False
    await market.work("send refunds")
    [back] = bank.refunds
    back.amount = 0
    bank.settle(back, "succeeded")
    await market.later()
    assert [fact["amount"]["amount"] for fact in await market.told("refund.succeeded")] == [2599]


async def test_a_refund_made_in_the_dashboard_is_told_once(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    one = await market.pay(account)
    bank.give_back(one, 1000)
    await market.deliver(bank, 1, 1)
    bank.said.append(bank.said[1])
    await market.deliver(bank, 2)
    told = await market.told("refund.succeeded")
    assert [(fact["amount"]["amount"], fact["reason"], fact["capture"]) for fact in told] == [
        (1000, "made_at_provider", "accepted")
    ]


async def test_a_dashboards_refund_fifty_times_at_once_has_one_effect(crowded) -> None:
    account = await crowded.open("razorpay")
    bank = crowded.banks["razorpay"]
    one = await crowded.pay(account)
    bank.give_back(one, 500)
    bank.said += [bank.said[1]] * 49
    await crowded.store("razorpay", [bank.notice(index) for index in range(1, 51)])
    await together(*(worker.work_loops("apply facts") for worker in (crowded.one, crowded.till.other) * 3))
    assert len(await crowded.told("refund.succeeded")) == 1
    assert (await crowded.till.rows("SELECT DISTINCT status FROM provider_events")) == [{"status": "applied"}]


async def test_a_dashboards_refund_on_its_way_is_polled_and_may_fail_after_all(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    one = await market.pay(account)
    back = bank.give_back(one, 1000, state="pending")
    await market.deliver(bank, 1)
    assert await market.told("refund.succeeded") == []
    bank.settle(back, "succeeded")
    await market.later("poll refunds")
    bank.settle(back, "failed")
    await market.deliver(bank, 3, 2)
    assert [fact["type"] for fact in await market.told("refund.succeeded", "refund.failed")] == [
        "refund.succeeded",
        "refund.failed",
    ]


async def test_a_refund_that_comes_before_its_capture_waits_for_it(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    bank.give_back(bank.begin(account, "captured"), 2599)
    await market.deliver(bank, 1)
    assert await market.told("refund.succeeded") == []
    await market.till.rows("UPDATE provider_events SET received_at = received_at - interval '1 hour'")
    await market.later("apply facts")
    assert (await market.till.rows("SELECT status, due_at FROM provider_events")) == [
        {"status": "foreign", "due_at": None}
    ]
    await market.deliver(bank, 0)
    await market.work("apply facts")
    assert [fact["amount"]["amount"] for fact in await market.told("refund.succeeded")] == [2599]


async def test_a_refund_of_money_that_never_came_touches_nothing(market) -> None:
    account = await market.open("razorpay")
    bank = market.banks["razorpay"]
    one = bank.begin(account, "authorized")
    one.state = "captured"
    bank.give_back(one, 2599)
    one.state = "declined"
    with capture_logs() as logs:
        await market.deliver(bank, 1)
        await market.till.rows("UPDATE provider_events SET received_at = received_at - interval '1 hour'")
        await market.later("apply facts")
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert await market.till.rows("SELECT 1 FROM refunds") == []
    assert await market.told("refund.succeeded", "refund.failed") == []


async def test_more_going_back_than_came_is_recorded_and_shouted(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    one = await market.pay(account)
    payment = {"order_id": str(market.order_id), "payment_id": str((await market.row(1))["id"])}
    bank.mood = ["deaf"]
    await market.one.hear(market.till.refund(payment, 2000))
    await market.work("send refunds")
    bank.give_back(one, 1000)
    with capture_logs() as logs:
        await market.deliver(bank, 1)
    assert "MORE GOES BACK THAN CAME" in [line["event"] for line in logs]
    await market.later("send refunds")
    assert [fact["reason"] for fact in await market.told("refund.failed")] == ["more_than_is_left"]


async def test_orders_is_refunded_of_the_money_it_keeps_and_of_no_other(market) -> None:
    first, second = await both_open(market)
    await market.pay(second)
    await market.pay(first)
    kept, surplus = await market.row(2), await market.row(1)
    for row in (kept, surplus):
        about = {"order_id": str(market.order_id), "payment_id": str(row["id"])}
        await market.one.hear(market.till.refund(about, 100))
    assert [fact["reason"] for fact in await market.told("refund.failed")] == ["not_captured"]
    await market.later()
    assert [back.amount for back in market.banks["stripe"].refunds] == [100]


async def test_ten_refunds_at_once_never_sum_to_more_than_came(market) -> None:
    account = await market.open("razorpay")
    one = await market.pay(account)
    payment = {"order_id": str(market.order_id), "payment_id": str((await market.row(1))["id"])}
    await together(*(market.one.hear(market.till.refund(payment, 600)) for _ in range(10)))
    for _ in range(3):
        await market.later()
    assert one.left == 199
    assert len(await market.told("refund.failed")) == 6


async def test_an_event_replayed_after_all_is_done_leaves_no_trace(market) -> None:
    account = await market.open("stripe")
    bank = market.banks["stripe"]
    await market.pay(account)
    before = await market.till.rows("SELECT * FROM payment_transitions")
    versions = await market.row(1)
    bank.said += bank.said[:1] * 3
    await market.deliver_new(bank, 1)
    assert await market.till.rows("SELECT * FROM payment_transitions") == before
    assert await market.row(1) == versions
