"""Whatever buyers, banks, operators and orders do, in whatever order, the books are right when it is quiet again."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from .bank import Back, Bank, Try
from .conftest import MakeTill
from .market import RAZORPAY, Market, together

_LOOPS = ("open payments", "close payments", "poll payments", "apply facts", "send refunds", "poll refunds")
_BROKEN = {"outcome not written", "provider event not applied", "events not listed", "event parked"}
_TRIES, _ASKED, _DASHBOARD = 4, 700, 300
# What happens, as often as it is written here.
_STEPS = """ask ask end paid work work work crowd later begin begin begin begin begin go_on go_on deliver deliver
lie_low mood mood refund dashboard dashboard settle settle look slow_refunds""".split()
_ATTEMPTS = st.lists(st.sampled_from(["stripe", "razorpay", "razorpay"]), min_size=1, max_size=3)
_STORIES = st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 11)), min_size=6, max_size=20)


class Story:
    """What happens to one order."""

    def __init__(self, market: Market) -> None:
        self.market = market

    @property
    def banks(self) -> list[Bank]:
        return list(self.market.banks.values())

    @property
    def tries(self) -> list[Try]:
        return [one for bank in self.banks for account in bank.accounts for one in account.tries]

    async def happen(self, step: str, n: int) -> None:
        """Something happens; `n` chooses to what."""
        if step in {"begin", "go_on", "dashboard", "settle", "mood", "slow_refunds"}:
            getattr(self, step)(n)
        else:
            await getattr(self, step)(n)

    async def ask(self, n: int) -> None:
        if self.market.attempt < _TRIES:
            await self.market.ask(("stripe", "razorpay")[n % 2])

    async def end(self, n: int) -> None:
        if self.market.attempt:
            await self.market.end(("expired", "cancelled")[n % 2])

    async def paid(self, _n: int) -> None:
        if await self.market.told("payment.succeeded"):
            await self.market.order_paid()

    async def work(self, n: int) -> None:
        await self.market.work(_LOOPS[n % len(_LOOPS)])

    async def crowd(self, n: int) -> None:
        bank = self.banks[n % 2]
        await self.market.store(bank.name, [bank.notice(index) for index in range(len(bank.said))])
        await together(*(self.market.work(name) for name in (*_LOOPS, "apply facts", "apply facts")))

    async def later(self, _n: int) -> None:
        await self.market.later(*_LOOPS)

    async def lie_low(self, _n: int) -> None:
        """Webhooks that come when everything is long known."""
        for bank in self.banks:
            await self.market.deliver(bank, *range(len(bank.said)))

    async def deliver(self, n: int) -> None:
        bank = self.banks[n % 2]
        if bank.said:
            await self.market.deliver(bank, n // 2 % len(bank.said))

    async def look(self, n: int) -> None:
        known = await self.market.till.rows("SELECT provider_ref FROM payments WHERE provider_ref IS NOT NULL")
        refs = {row["provider_ref"] for row in known}
        accounts = [account for bank in self.banks for account in bank.accounts if account.ref in refs]
        if accounts:
            await self.market.look(accounts[n % len(accounts)])

    async def refund(self, _n: int) -> None:
        for fact in await self.market.told("payment.succeeded"):
            await self.market.one.hear(self.market.till.refund(fact, _ASKED))

    def begin(self, n: int) -> None:
        accounts = [(bank, account) for bank in self.banks for account in bank.accounts]
        if accounts:
            bank, account = accounts[n % len(accounts)]
            bank.begin(account, ("captured", "processing", "authorized", "declined", "captured")[n % 5])

    def go_on(self, n: int) -> None:
        moving = [(bank, one) for bank in self.banks for account in bank.accounts if (one := account.moving)]
        for bank, one in moving[:1]:
            bank.become(one, ("captured", "declined", "captured")[n % 3])

    def dashboard(self, n: int) -> None:
        for bank in self.banks:
            for one in bank.captured[n % 2 : n % 2 + 1]:
                bank.give_back(one, _DASHBOARD, state=("succeeded", "pending")[n % 2])

    def settle(self, n: int) -> None:
        for bank in self.banks:
            for back in bank.refunds[n // 2 % 3 : n // 2 % 3 + 1]:
                bank.settle(back, "failed" if n % 2 and back.amount == _ASKED else "succeeded")

    def mood(self, n: int) -> None:
        self.banks[n % 2].mood.append(("late", "deaf", "well")[n // 2 % 3])

    def slow_refunds(self, n: int) -> None:
        self.banks[n % 2].refunds_settle = False

    async def calm_down(self, *more: str) -> None:
        """Everybody answers, and what moves comes to its end: no webhook comes any more."""
        before = None
        for _ in range(12):
            for bank in self.banks:
                bank.mood, bank.refunds_settle = [], True
            for number, one in enumerate(self.tries):
                bank = next(bank for bank in self.banks if one.account in bank.accounts)
                bank.become(one, ("captured", "declined")[number % 2])
            for bank in self.banks:
                for back in bank.refunds:
                    bank.settle(back, "succeeded") if back.state == "pending" else None
            await self.paid(0)
            await self.market.one.work_waiting()
            await self.market.later(*_LOOPS, *more)
            state = await self.all_books()
            if state == before:
                return
            before = state
        raise AssertionError("it never calms down")

    async def all_books(self) -> Any:
        rows = self.market.till.rows
        return (
            await rows("SELECT id, status, version, closing, waits_for FROM payments ORDER BY attempt"),
            await rows("SELECT id, status FROM refunds ORDER BY id"),
            await rows("SELECT capture_ref, status FROM captures ORDER BY capture_ref"),
        )


async def check_what_polling_finds(story: Story) -> None:
    """Without any webhook or list, only a second capture of a payment that has succeeded may be unknown."""
    known = {row["capture_ref"] for row in await story.market.till.rows("SELECT capture_ref FROM captures")}
    succeeded = {
        row["provider_ref"]
        for row in await story.market.till.rows("SELECT provider_ref FROM payments WHERE status = 'succeeded'")
    }
    for one in (one for bank in story.banks for one in bank.captured):
        assert one.ref in known or one.account.ref in succeeded, one.ref


async def check_money(story: Story) -> None:
    """Every capture is known, the order keeps one, and the rest has gone back."""
    rows = await story.market.till.rows("SELECT capture_ref, status FROM captures")
    booked = {row["capture_ref"]: row["status"] for row in rows}
    captured = {one.ref: one for bank in story.banks for one in bank.captured}
    assert booked.keys() == captured.keys()
    assert sorted(booked.values()) == ["accepted", *["surplus"] * (len(booked) - 1)][: len(booked)]
    for ref, one in captured.items():
        assert one.left >= 0
        assert booked[ref] == "accepted" or one.left == 0, ref
    told = await story.market.told("payment.succeeded", "payment.surplus")
    assert sorted(fact["capture_ref"] for fact in told) == sorted(captured)
    assert [fact["capture_ref"] for fact in told if fact["type"] == "payment.succeeded"] == [
        ref for ref, status in booked.items() if status == "accepted"
    ]


async def check_refunds(story: Story) -> None:
    """Every refund at the bank is known once, as it stands there."""
    backs: dict[str, Back] = {back.ref: back for bank in story.banks for back in bank.refunds}
    rows = await story.market.till.rows("SELECT * FROM refunds")
    assert {row["provider_ref"]: row["status"] for row in rows if row["provider_ref"]} == {
        ref: back.state for ref, back in backs.items()
    }
    assert all(row["status"] == "failed" for row in rows if not row["provider_ref"])
    assert all(row["status"] == "succeeded" for row in rows if row["system"])


async def check_attempts(story: Story) -> None:
    """One payment at most is still asked for, nobody waits, nobody is at work."""
    rows = await story.market.till.rows("SELECT * FROM payments ORDER BY attempt")
    assert len(rows) == story.market.attempt
    assert [row["closing"] for row in rows if row["closing"]] == []
    assert [row["waits_for"] for row in rows if row["waits_for"]] == []
    assert [row["lease"] for row in rows if row["lease"]] == []
    assert {row["status"] for row in rows} <= {"open", "succeeded", "cancelled", "superseded"}
    assert len([row for row in rows if row["status"] == "open"]) <= 1
    assert all((row["due_at"] is not None) == (row["status"] in {"open", "superseded"}) for row in rows)


async def check_history(story: Story) -> None:
    """Every step has its event, every event its step, and the last step is where it stands."""
    rows = story.market.till.rows
    steps = """(SELECT payment_id AS id, version, went_to, event_id FROM payment_transitions
        UNION ALL SELECT refund_id, version, went_to, event_id FROM refund_transitions)"""
    told = "SELECT id FROM outbox WHERE type LIKE 'payment.%' OR type LIKE 'refund.%'"
    assert await rows(f"{told} EXCEPT SELECT event_id FROM {steps} s") == []  # noqa: S608 - ours
    assert await rows(f"SELECT event_id FROM {steps} s WHERE event_id IS NOT NULL EXCEPT SELECT id FROM outbox") == []  # noqa: S608 - ours
    elsewhere = f"""SELECT t.id FROM (SELECT id, status, version FROM payments UNION ALL
        SELECT id, status, version FROM refunds) t LEFT JOIN {steps} s ON s.id = t.id AND s.version = t.version
        WHERE s.went_to IS DISTINCT FROM t.status"""  # noqa: S608 - ours
    assert await rows(elsewhere) == []


@pytest.fixture
async def market(make_till: MakeTill) -> Market:
    return Market(await make_till(environ=RAZORPAY))


async def live_through(market: Market, attempts: list[str], steps: list[tuple[str, int]]) -> None:
    await market.clear()
    story = Story(market)
    with capture_logs() as logs:
        for provider in attempts:
            await market.ask(provider)
            await market.later("close payments")
            await market.work("open payments")
        for step, n in steps:
            await story.happen(step, n)
        await story.calm_down()
        await check_what_polling_finds(story)
        await market.till.let_time_pass("provider_cursors")
        await story.calm_down("list stripe events", "list razorpay events")
    assert [line for line in logs if line["event"] in _BROKEN] == []
    for check in (check_money, check_refunds, check_attempts, check_history):
        await check(story)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(attempts=_ATTEMPTS, steps=_STORIES)
async def test_no_story_breaks_the_books(market, attempts, steps) -> None:
    await live_through(market, attempts, steps)
