"""A truthful little bank that keeps the Provider contract in memory: it may be late, deaf or forgetful, never false.

`closes` tells Stripe's kind, where an object is paid once and can be closed, from Razorpay's, where an order takes one
try after the other, more than one of which may turn out to be paid, and stays open for ever.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from common.money import Money
from payments.domain import Kind, ProviderFact
from payments.errors import Refused, SignatureInvalid, UnknownOutcome
from payments.providers import Content, Notice, Opened, PaymentTerms, RazorpayCheckout, RefundTerms

_MOVES = ("processing", "authorized")


@dataclass
class Account:
    """What a payment was opened as."""

    ref: str
    payment_id: UUID
    money: Money
    closed: bool = False
    tries: "list[Try]" = field(default_factory=list)

    @property
    def money_came(self) -> bool:
        return any(one.state == "captured" for one in self.tries)

    @property
    def moving(self) -> "Try | None":
        return next((one for one in self.tries if one.state in _MOVES), None)


@dataclass
class Try:
    """One try to pay: processing, authorized, captured or declined."""

    ref: str
    account: Account
    state: str
    at: datetime
    back: "list[Back]" = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.account.money.amount - sum(back.amount for back in self.back if back.state != "failed")


@dataclass
class Back:
    """Money on its way back: pending, succeeded or failed."""

    ref: str
    of: Try
    subject: UUID | None
    amount: int
    state: str


class Bank:
    """The bank. `mood` says how it answers the next calls: "late" acts and tells nothing, "deaf" does not even act."""

    livemode = False

    def __init__(self, name: str, *, closes: bool, flow: str) -> None:
        self.name, self.closes, self.flows = name, closes, frozenset({flow})
        self.accounts: list[Account] = []
        self.said: list[tuple[ProviderFact, ...]] = []
        self.mood: list[str] = []
        self.asked: list[str] = []
        self.terms: list[PaymentTerms] = []
        self.refunds_settle = True
        self._opened: dict[str, Account] = {}
        self._refunded: dict[str, Back] = {}

    # -- what the buyer, the issuing bank and the operator do

    def begin(self, account: Account, state: str) -> Try | None:
        """The buyer tries to pay; nothing happens where the bank lets nobody try."""
        if account.closed or account.moving or (self.closes and account.money_came):
            return None
        ref = account.ref if self.closes else f"pay_{account.ref}_{len(account.tries)}"
        made = Try(ref, account, "processing", datetime.now(UTC))
        account.tries.append(made)
        self.become(made, state)
        return made

    def become(self, one: Try, state: str) -> None:
        """A try goes on, as far as it may."""
        if one.state == "processing" or (one.state == "authorized" and state in {"captured", "declined"}):
            one.state, one.at = state, datetime.now(UTC)
            self._say(self._of_try(one))

    def give_back(self, one: Try, amount: int, subject: UUID | None = None, state: str = "succeeded") -> Back | None:
        """Money goes back: asked for by us (`subject`), or in the dashboard; never more than is left."""
        if one.state != "captured" or not 0 < amount <= one.left:
            return None
        back = Back(f"re_{self.name}_{one.ref}_{len(one.back)}", one, subject, amount, state)
        one.back.append(back)
        self._say(self._of_refund(back))
        return back

    def settle(self, back: Back, state: str) -> None:
        """A refund arrives, or comes back to us."""
        if back.state == "pending" or (back.state, state) == ("succeeded", "failed"):
            back.state = state
            self._say(self._of_refund(back))

    @property
    def captured(self) -> list[Try]:
        return [one for account in self.accounts for one in account.tries if one.state == "captured"]

    @property
    def refunds(self) -> list[Back]:
        return [back for one in self.captured for back in one.back]

    def account(self, ref: str) -> Account:
        return next(account for account in self.accounts if account.ref == ref)

    def notice(self, index: int) -> Notice:
        """What a webhook would bring."""
        return Notice(f"evt_{self.name}_{index}", "event", str(index).encode())

    # -- the contract

    def payment_request(self, terms: PaymentTerms) -> str:
        self.terms.append(terms)
        wanted = {"payment": str(terms.payment_id), "amount": terms.money.amount, "currency": terms.money.currency}
        return orjson.dumps(wanted).decode()

    def refund_request(self, terms: RefundTerms) -> str:
        amount = terms.money.amount if terms.money else None
        return orjson.dumps({"id": str(terms.refund_id), "of": terms.capture_ref, "amount": amount}).decode()

    async def open(self, request: str, key: str) -> Opened:
        return self._call("open", lambda: self._open(orjson.loads(request), key))

    async def find(self, payment_id: UUID, since: datetime) -> Opened | None:  # noqa: ARG002 - it forgets nothing
        found = next((one for one in self.accounts if one.payment_id == payment_id), None)
        return self._call("find", lambda: found and self._as_opened(found))

    async def fetch(self, ref: str) -> Sequence[ProviderFact]:
        return self._call("fetch", lambda: self._facts(self.account(ref)))

    async def close(self, ref: str) -> Sequence[ProviderFact]:
        return self._call("close", lambda: self._close(self.account(ref)))

    async def refund(self, request: str, key: str) -> ProviderFact:
        return self._call("refund", lambda: self._refund(orjson.loads(request), key))

    async def find_refund(self, refund_id: UUID, capture_ref: str) -> ProviderFact | None:
        made = (back for back in self.refunds if back.of.ref == capture_ref and back.subject == refund_id)
        return self._call("find_refund", lambda: next((self._of_refund(back) for back in made), None))

    async def fetch_refund(self, ref: str) -> ProviderFact:
        made = next(back for back in self.refunds if back.ref == ref)
        return self._call("fetch_refund", lambda: self._of_refund(made))

    async def events_since(self, since: datetime) -> AsyncIterator[Sequence[Notice]]:
        yield [self.notice(index) for index, facts in enumerate(self.said) if facts[0].at >= since][::-1]

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:  # noqa: ARG002 - it trusts
        return self.notice(int(body))

    def parse(self, body: bytes) -> Content:
        return Content(self.said[int(body)])

    def handed_back(self, fields: Mapping[str, str]) -> str:
        raise SignatureInvalid(str(fields))

    async def disconnect(self) -> None:
        """There is nothing to close."""

    # -- how it does it

    def _call(self, name: str, act: Any) -> Any:
        self.asked.append(name)
        mood = self.mood.pop(0) if self.mood else "well"
        if mood == "deaf":
            raise UnknownOutcome("nobody answers")
        answer = act()
        if mood == "late":
            raise UnknownOutcome("the answer is lost")
        return answer

    def _open(self, wanted: dict[str, Any], key: str) -> Opened:
        account = self._opened.get(key)
        if account is None:
            ref = f"{self.name}_{len(self.accounts)}_{wanted['payment'][-6:]}"
            account = Account(ref, UUID(wanted["payment"]), Money(wanted["amount"], wanted["currency"]))
            self._opened[key] = account
            self.accounts.append(account)
        return self._as_opened(account)

    def _close(self, account: Account) -> tuple[ProviderFact, ...]:
        if self.closes and not account.moving and not account.money_came and not account.closed:
            account.closed = True
            self._say(self._fact(account, "cancelled"))
        if self.closes or account.moving or account.money_came:
            return self._facts(account)
        return *self._facts(account)[:-1], self._fact(account, "left_open")

    def _refund(self, wanted: dict[str, Any], key: str) -> ProviderFact:
        if key not in self._refunded:
            one = next((one for one in self.captured if one.ref == wanted["of"]), None)
            state = "succeeded" if self.refunds_settle else "pending"
            made = one and self.give_back(one, wanted["amount"] or one.left, UUID(wanted["id"]), state)
            if not made:
                raise Refused("more_than_is_left")
            self._refunded[key] = made
        return self._of_refund(self._refunded[key])

    def _as_opened(self, account: Account) -> Opened:
        if self.closes:
            return Opened(ref=account.ref, checkout_url=f"https://{self.name}.example/", facts=self._facts(account))
        money = account.money
        block = RazorpayCheckout(order_id=account.ref, key_id="key", amount=money.amount, currency=money.currency)
        return Opened(ref=account.ref, razorpay=block, facts=self._facts(account))

    def _facts(self, account: Account) -> tuple[ProviderFact, ...]:
        tried = tuple(self._of_try(one) for one in account.tries)
        if account.closed:
            return *tried, self._fact(account, "cancelled")
        idle = not account.moving and not account.money_came
        return (*tried, self._fact(account, "opened")) if idle else tried

    def _of_try(self, one: Try) -> ProviderFact:
        kind: Any = one.state
        return self._fact(one.account, kind, one)

    def _fact(self, account: Account, kind: Kind, one: Try | None = None) -> ProviderFact:
        return ProviderFact(
            provider=self.name,
            kind=kind,
            object_ref=account.ref,
            subject=account.payment_id if self.closes else None,
            money=account.money,
            livemode=False,
            at=one.at if one else datetime.now(UTC),
            capture_ref=one.ref if one and one.state == "captured" else "",
            try_ref=f"{one.ref}_{account.tries.index(one)}" if one and one.state == "declined" else "",
            reason="declined" if kind == "declined" else "",
        )

    def _of_refund(self, back: Back) -> ProviderFact:
        kinds: dict[str, Kind] = {
            "pending": "refund_pending",
            "succeeded": "refund_succeeded",
            "failed": "refund_failed",
        }
        return ProviderFact(
            provider=self.name,
            kind=kinds[back.state],
            object_ref=back.ref,
            subject=back.subject,
            money=Money(back.amount, back.of.account.money.currency),
            livemode=False,
            at=datetime.now(UTC),
            capture_ref=back.of.ref,
        )

    def _say(self, fact: ProviderFact) -> None:
        self.said.append((fact,))
