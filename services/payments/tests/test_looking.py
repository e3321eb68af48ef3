"""Looking now: whoever says that something was paid has the provider asked at once, and proves nothing by it."""

import pytest

from .conftest import MakeTill
from .market import RAZORPAY, Market


@pytest.fixture
async def market(make_till: MakeTill) -> Market:
    return Market(await make_till(environ=RAZORPAY))


async def test_looking_now_asks_at_once_and_wakes_who_waits(market) -> None:
    account = await market.open("razorpay")
    market.banks["razorpay"].begin(account, "captured")
    row = await market.row(1)
    with market.one.database.waker.waiting(f"payment:{row['id']}") as woken:
        assert await market.look(account)
        await market.work("poll payments")
        assert woken.is_set()
    assert await market.states() == ["succeeded"]
    assert not await market.look(account)


@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
async def test_looking_now_finds_money_for_what_has_ended(market, provider) -> None:
    account = await market.open(provider)
    await market.end()
    await market.later("close payments")
    account.closed = False
    market.banks[provider].begin(account, "captured")
    assert await market.look(account)
    await market.work("poll payments")
    assert await market.states() == ["succeeded"]


async def test_looking_now_that_finds_nothing_wakes_all_the_same_and_leaves_an_ended_payment_alone(market) -> None:
    account = await market.open("stripe")
    await market.end()
    await market.later("close payments")
    await market.look(account)
    row = await market.row(1)
    assert (row["due_at"] is not None, row["polls"]) == (True, 0)
    with market.one.database.waker.waiting(f"payment:{row['id']}") as woken:
        await market.work("poll payments")
        assert woken.is_set()
    row = await market.row(1)
    assert (row["status"], row["due_at"], row["polls"]) == ("cancelled", None, 1)


async def test_looking_now_does_not_wait_for_a_poll_that_began_before(market) -> None:
    account = await market.open("razorpay")
    bank = market.banks["razorpay"]
    stale = bank._facts(account)
    fetch = bank.fetch

    async def slow(ref: str):
        bank.begin(account, "captured")
        await market.look(account)
        bank.fetch = fetch
        return stale

    bank.fetch = slow
    await market.later("poll payments")
    await market.work("poll payments")
    assert await market.states() == ["succeeded"]
