"""What the provider itself says happened, and the mailbox: read from the sandbox's `/truth`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from common.money import from_stripe

Json = Mapping[str, Any]


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
    """Money a provider gave back, or tried to; `ours` is our refund's id, empty when it names none."""

    id: str
    ours: str
    status: str
    amount: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Truth:
    """One provider's own books, which of its webhooks were answered with 2xx (id to SHA-256), and copies per mail."""

    provider: str
    taken: tuple[Taken, ...]
    returned: tuple[Returned, ...]
    acknowledged: Mapping[str, str]
    mails: Mapping[str, int]


async def fetch_truth(url: str) -> Truth:
    """Ask the sandbox; `url` ends in `/truth`. Raises httpx2.HTTPError, ValueError."""
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        told = (await http.get(url)).raise_for_status().json()
        mailbox = (await http.get(f"{url.rstrip('/').removesuffix('/truth')}/mail/messages")).raise_for_status().json()
    return _stripe(told["stripe"], mailbox)


def _stripe(told: Json, mailbox: Iterable[Json]) -> Truth:
    return Truth(
        provider="stripe",
        taken=tuple(_taken(charge) for charge in told["charges"] if charge["amount_captured"]),
        returned=tuple(_returned(refund) for refund in told["refunds"]),
        acknowledged={hook["event_id"]: hook["body_sha256"] for hook in told["webhooks"] if hook["delivered"]},
        mails=Counter(mail["message_id"] for mail in mailbox),
    )


def _taken(charge: Json) -> Taken:
    money = from_stripe(charge["amount_captured"], charge["currency"])
    return Taken(charge["id"], charge["payment_intent"] or "", money.amount, money.currency, _time(charge))


def _returned(refund: Json) -> Returned:
    money = from_stripe(refund["amount"], refund["currency"])
    ours = (refund["metadata"] or {}).get("refund_id", "")
    return Returned(refund["id"], ours, refund["status"], money.amount, money.currency, _time(refund))


def _time(thing: Json) -> datetime:
    return datetime.fromtimestamp(thing["created"], UTC)
