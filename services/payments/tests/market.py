"""One order at a time, between the payments service and two little banks, one of either kind."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from common.contracts.orders import OrderClosing, OrderPaid
from common.events import new_id
from common.money import Money
from payments import queries
from payments.actions.events import store_listed
from payments.actions.looking import look_now
from payments.providers import Notice

from .bank import Account, Bank, Try
from .conftest import Json, Till

RAZORPAY = {"RAZORPAY_KEY_ID": "rzp_test_souk", "RAZORPAY_KEY_SECRET": "of_the_test", "RAZORPAY_WEBHOOK_SECRET": "hook"}
PROVIDERS = {"stripe": "intent", "razorpay": "checkout"}
TABLES = (
    "provider_events",
    "provider_cursors",
    "refund_transitions",
    "refunds",
    "captures",
    "payment_transitions",
    "payments",
    "outbox",
)


async def together(*racers: Coroutine[Any, Any, object]) -> None:
    """Let them all begin at the same moment."""
    barrier = asyncio.Barrier(len(racers))

    async def run(racer: Coroutine[Any, Any, object]) -> None:
        await barrier.wait()
        await racer

    await asyncio.gather(*map(run, racers))


class Market:
    """The till with its banks, and one order that is tried to be paid."""

    def __init__(self, till: Till) -> None:
        self.till, self.one = till, till.one
        self.order_id, self.attempt = new_id(), 0
        self.banks: dict[str, Bank] = {}
        self.open_banks()

    def open_banks(self) -> None:
        """New banks that know nothing."""
        self.banks = {
            "stripe": Bank("stripe", closes=True, flow="intent"),
            "razorpay": Bank("razorpay", closes=False, flow="checkout"),
        }
        for worker in (self.till.one, self.till.other):
            worker.service.app.state.providers.update(self.banks)

    async def clear(self) -> None:
        """Another order, as if there had been none before."""
        for table in TABLES:
            await self.till.rows(f"DELETE FROM {table}")  # noqa: S608 - tables of ours
        self.order_id, self.attempt = new_id(), 0
        self.open_banks()

    async def ask(self, provider: str) -> None:
        """The order wants to be paid by this provider, as its next attempt."""
        self.attempt += 1
        about = {"order_id": self.order_id, "attempt": self.attempt, "flow": PROVIDERS[provider]}
        await self.one.hear(self.till.request(provider=provider, **about))

    async def open(self, provider: str) -> Account:
        """The next attempt, opened."""
        await self.ask(provider)
        await self.work("open payments")
        return self.banks[provider].accounts[-1]

    async def work(self, *names: str) -> None:
        """One round of each of these loops, side by side."""
        loops = [loop for loop in self.one.service.loops if not names or loop.name in names]
        await asyncio.gather(*(loop.run() for loop in loops))

    async def later(self, *names: str) -> None:
        """Let all that waits for a time be due, and the loops work in turn."""
        for table in ("payments", "refunds", "provider_events"):
            await self.till.let_time_pass(table)
        for loop in self.one.service.loops:
            if not names or loop.name in names:
                await loop.run()

    async def deliver(self, bank: Bank, *indexes: int) -> None:
        """Bring webhooks by their numbers, and apply them."""
        for index in indexes:
            await self.store(bank.name, [bank.notice(index)])
        await self.work("apply facts")

    async def store(self, provider: str, notices: Sequence[Notice]) -> None:
        """Bring events, without applying them."""
        async with self.one.database.transaction() as session:
            await store_listed(session, provider, notices)

    async def deliver_new(self, bank: Bank, since: int = 0) -> None:
        """Bring all that was said since then, in order."""
        await self.deliver(bank, *range(since, len(bank.said)))
        for _ in range(len(bank.said)):
            await self.work("apply facts")

    async def pay(self, account: Account) -> Try:
        """The buyer pays, and the bank's word comes."""
        bank = next(bank for bank in self.banks.values() if account in bank.accounts)
        said = len(bank.said)
        one = bank.begin(account, "captured")
        assert one is not None
        await self.deliver_new(bank, said)
        return one

    async def end(self, into: str = "expired", attempt: int | None = None) -> None:
        """The order is to end unpaid."""
        about = {"order_id": self.order_id, "attempt": attempt or self.attempt, "into": into}
        await self.one.hear(OrderClosing.model_validate(about))

    async def order_paid(self) -> None:
        """Orders has heard of the money."""
        money = {"total": Money(2599, "USD"), "lines": [], "payment_id": None}
        about = {"order_id": self.order_id, "number": "S-1000", "user_id": self.till.buyer}
        await self.one.hear(OrderPaid.model_validate({**about, **money}))

    async def look(self, account: Account) -> bool:
        """The browser says that it has paid this."""
        bank = next(bank for bank in self.banks.values() if account in bank.accounts)
        async with self.one.database.transaction() as session:
            payment = await queries.find_payment_as(session, bank.name, account.ref)
            assert payment is not None
            return await look_now(session, payment)

    async def states(self) -> list[str]:
        """Where the order's payments stand, attempt by attempt."""
        sql = "SELECT status FROM payments WHERE order_id = $1 ORDER BY attempt"
        return [row["status"] for row in await self.till.rows(sql, self.order_id)]

    async def captures(self) -> list[str]:
        """What became of the money, first come first."""
        sql = "SELECT status FROM captures WHERE order_id = $1 ORDER BY id"
        return [row["status"] for row in await self.till.rows(sql, self.order_id)]

    async def told(self, *types: str) -> list[Json]:
        """What was said of this order, of these wire names."""
        return [{**event.data, "type": event.type} for event in await self.one.told(*types) if self._ours(event.data)]

    def _ours(self, data: Any) -> bool:
        return data.get("order_id") == str(self.order_id)

    async def words(self) -> list[tuple[str, int | None]]:
        """What was said of its payments: of which attempt what."""
        said = await self.told(*_WORDS)
        return [(fact["type"].removeprefix("payment."), fact["attempt"]) for fact in said]

    async def reasons(self) -> list[tuple[int, str]]:
        """Of which attempt was said that it is over, and why."""
        return [(fact["attempt"], fact["reason"]) for fact in await self.told("payment.cancelled")]

    async def row(self, attempt: int) -> Json:
        """An attempt's payment."""
        sql = "SELECT * FROM payments WHERE order_id = $1 AND attempt = $2"
        return (await self.till.rows(sql, self.order_id, attempt))[0]


_WORDS = (
    "payment.opened",
    "payment.processing",
    "payment.failed",
    "payment.succeeded",
    "payment.surplus",
    "payment.cancelled",
    "payment.mismatched",
)
