"""What the providers themselves say happened, and the mailbox: read from the sandbox's `/truth`."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from common.money import from_razorpay, from_stripe

Json = Mapping[str, Any]
# How a refund ended, whatever the provider calls it; all else is on its way.
_OUTCOMES: Final = {"succeeded": "succeeded", "processed": "succeeded", "failed": "failed", "canceled": "failed"}


@dataclass(frozen=True, slots=True)
class Taken:
    """Money a provider took: its ids of the charge and of the capture (`ref`), in ISO minor units."""

    id: str
    ref: str
    amount: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Returned:
    """Money a provider gave back of a capture (`ref`), or tried to: `succeeded`, `failed` or `pending`.

    `ours` is our refund's id, empty when it names none.
    """

    id: str
    ours: str
    ref: str
    status: str
    amount: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One provider's own books, and which of its webhooks were answered with 2xx (id to SHA-256)."""

    provider: str
    taken: tuple[Taken, ...]
    returned: tuple[Returned, ...]
    acknowledged: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Truth:
    """Each provider's books, and how many copies of each mail the mailbox has."""

    providers: tuple[Told, ...]
    mails: Mapping[str, int]


async def fetch_truth(url: str) -> Truth:
    """Ask the sandbox; `url` ends in `/truth`. Raises httpx2.HTTPError, ValueError."""
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        told = (await http.get(url)).raise_for_status().json()
        mailbox = (await http.get(f"{url.rstrip('/').removesuffix('/truth')}/mail/messages")).raise_for_status().json()
    return Truth(
        providers=tuple(read(told[name]) for name, read in _READERS.items()),
        mails=Counter(mail["message_id"] for mail in mailbox),
    )


def _stripe(told: Json) -> Told:
    return Told(
        provider="stripe",
        taken=tuple(_charge(charge) for charge in told["charges"] if charge["amount_captured"]),
        returned=tuple(_stripe_refund(refund) for refund in told["refunds"]),
        acknowledged=_acknowledged(told),
    )


def _razorpay(told: Json) -> Told:
    taken = tuple(_payment(payment) for payment in told["payments"] if payment["captured"])
    # What was authorized and never captured goes back by itself: nobody's money has moved.
    captured = {each.id for each in taken}
    returned = (_razorpay_refund(refund) for refund in told["refunds"] if refund["payment_id"] in captured)
    return Told(provider="razorpay", taken=taken, returned=tuple(returned), acknowledged=_acknowledged(told))


_READERS: Final[Mapping[str, Callable[[Json], Told]]] = {"stripe": _stripe, "razorpay": _razorpay}


def _acknowledged(told: Json) -> Mapping[str, str]:
    return {hook["event_id"]: hook["body_sha256"] for hook in told["webhooks"] if hook["delivered"]}


def _charge(charge: Json) -> Taken:
    money = from_stripe(charge["amount_captured"], charge["currency"])
    return Taken(charge["id"], charge["payment_intent"] or "", money.amount, money.currency, _time(charge["created"]))


def _payment(payment: Json) -> Taken:
    money = from_razorpay(payment["amount"], payment["currency"])
    return Taken(payment["id"], payment["id"], money.amount, money.currency, _time(payment["created_at"]))


def _stripe_refund(refund: Json) -> Returned:
    money, at = from_stripe(refund["amount"], refund["currency"]), _time(refund["created"])
    return _returned(refund, refund["metadata"], refund["payment_intent"] or "", (money.amount, money.currency, at))


def _razorpay_refund(refund: Json) -> Returned:
    money, at = from_razorpay(refund["amount"], refund["currency"]), _time(refund["created_at"])
    return _returned(refund, refund["notes"], refund["payment_id"], (money.amount, money.currency, at))


def _returned(refund: Json, notes: Json | None, ref: str, what: tuple[int, str, datetime]) -> Returned:
    # Razorpay shows notes that are empty as a list.
    ours = str(notes.get("refund_id", "")) if isinstance(notes, Mapping) else ""
    return Returned(refund["id"], ours, ref, _OUTCOMES.get(refund["status"], "pending"), *what)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
