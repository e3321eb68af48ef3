"""Stripe, by its official SDK over our own transport: one call per method, every error one of ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx2
import orjson
import stripe
from stripe import EventService, PaymentIntentService, RefundService
from stripe.params import PaymentIntentCreateParams

from common.money import Money, from_stripe, to_stripe
from payments.domain import ProviderFact
from payments.errors import NotAllowed, Refused, UnknownOutcome
from payments.providers import Content, Notice, Opened, PaymentTerms, RefundTerms
from payments.providers.stripe_events import (
    FACT_TYPES,
    NAME,
    intent_facts,
    notices,
    read_event,
    read_notice,
    refund_fact,
)
from payments.providers.stripe_signature import check_signature

Json = dict[str, Any]
Listed = PaymentIntentService | RefundService | EventService
API_VERSION: Final = "2026-10-28.endive"
_CANCELLABLE: Final = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
_EXPAND: Final = ["latest_charge"]
_PAGE: Final = 100
_LARGEST_ANSWER: Final = 4 * 1024 * 1024
_CLOCKS_APART: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccess:
    """How to reach Stripe; `secrets` sign its webhooks, two while one is being replaced. `timeout` is in seconds."""

    key: str
    secrets: tuple[str, ...] = ()
    api_base: str | None = None
    timeout: float = 10
    connect_timeout: float = 3

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        return self.key.startswith(("sk_live_", "rk_live_"))


class Transport(stripe.HTTPClient):
    """Carries the SDK's requests: a limit to the whole call and to the answer, no redirects, no retries of its own."""

    name = "httpx2"

    def __init__(self, access: StripeAccess) -> None:
        super().__init__()
        self._limit = access.timeout
        self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(access.timeout, connect=access.connect_timeout))

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; raises stripe.APIConnectionError when no whole answer came."""
        try:
            async with asyncio.timeout(self._limit):
                asking = self._client.stream(method, url, headers=dict(headers), content=post_data)
                async with asking as response:
                    return await _read(response), response.status_code, response.headers
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise _no_answer(repr(error)) from error

    async def close_async(self) -> None:
        await self._client.aclose()


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise _no_answer("larger than any of Stripe's")
    return bytes(body)


def _no_answer(why: str) -> Exception:
    error: Exception = stripe.APIConnectionError(f"no whole answer: {why}")  # type: ignore[no-untyped-call]
    return error


class Stripe:
    """The adapter. It connects when it is first used, once per event loop."""

    name = NAME
    flows = frozenset({"intent"})

    def __init__(self, access: StripeAccess) -> None:
        self._access = access
        self.livemode = access.livemode
        self._connected: tuple[asyncio.AbstractEventLoop, Transport, stripe.StripeClient] | None = None

    def payment_request(self, terms: PaymentTerms) -> str:
        metadata = {"payment_id": str(terms.payment_id), "order_id": str(terms.order_id), "attempt": str(terms.attempt)}
        params: Json = {
            "amount": to_stripe(terms.money),
            "currency": terms.money.currency.lower(),
            "automatic_payment_methods": {"enabled": True},
            "description": f"Order {terms.number}",
            "metadata": metadata,
        }
        return orjson.dumps(params | ({"receipt_email": terms.email} if terms.email else {})).decode()

    def refund_request(self, terms: RefundTerms) -> str:
        params: Json = {
            "payment_intent": terms.payment_ref,
            "metadata": {"refund_id": str(terms.refund_id), "order_id": str(terms.order_id)},
        }
        return orjson.dumps(params | ({"amount": _rescaled(terms.money)} if terms.money else {})).decode()

    async def open(self, request: str, key: str) -> Opened:
        params: PaymentIntentCreateParams = orjson.loads(request)
        try:
            return await self._create(params, key)
        except Refused as error:
            # An address that Stripe does not like must not keep anybody from paying. The second request has a key of
            # its own that follows from the first: the very same two calls are made again after an unknown outcome.
            if error.reason != "email_invalid" or params.pop("receipt_email", None) is None:
                raise
            return await self._create(params, f"{key}-bare")

    async def find(self, payment_id: UUID, since: datetime) -> Opened | None:
        async for page in self._pages(self._client.v1.payment_intents, since, {}):
            for intent in page:
                if (intent.get("metadata") or {}).get("payment_id") == str(payment_id):
                    return _opened(intent)
        return None

    async def fetch(self, ref: str) -> Sequence[ProviderFact]:
        return _facts(await self._retrieve(ref))

    async def close(self, ref: str) -> Sequence[ProviderFact]:
        intent = await self._retrieve(ref)
        if intent["status"] in _CANCELLABLE:
            try:
                intent = await _answer(self._client.v1.payment_intents.cancel_async(ref, {"expand": _EXPAND}))
            except Refused as error:
                if error.reason != "payment_intent_unexpected_state":
                    raise
                intent = await self._retrieve(ref)
        return _facts(intent)

    async def refund(self, request: str, key: str) -> ProviderFact:
        refunds = self._client.v1.refunds
        return self._refund(await _answer(refunds.create_async(orjson.loads(request), {"idempotency_key": key})))

    async def find_refund(self, refund_id: UUID, payment_ref: str) -> ProviderFact | None:
        refunds = self._client.v1.refunds
        async for page in self._pages(refunds, None, {"payment_intent": payment_ref}):
            for refund in page:
                if (refund.get("metadata") or {}).get("refund_id") == str(refund_id):
                    return self._refund(refund)
        return None

    async def fetch_refund(self, ref: str) -> ProviderFact:
        return self._refund(await _answer(self._client.v1.refunds.retrieve_async(ref)))

    async def events_since(self, since: datetime) -> AsyncIterator[Sequence[Notice]]:
        async for page in self._pages(self._client.v1.events, since, {"types": list(FACT_TYPES)}):
            yield notices(page)

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        check_signature(body, headers.get("stripe-signature"), self._access.secrets, now)
        return read_notice(body)

    def parse(self, body: bytes) -> Content:
        return read_event(body, livemode=self.livemode)

    async def disconnect(self) -> None:
        if self._connected is not None and self._connected[0] is asyncio.get_running_loop():
            await self._connected[1].close_async()
        self._connected = None

    @property
    def _client(self) -> stripe.StripeClient:
        # Pools belong to the event loop they were opened in.
        loop = asyncio.get_running_loop()
        if self._connected is None or self._connected[0] is not loop:
            transport = Transport(self._access)
            bases: Any = {"api": self._access.api_base.rstrip("/")} if self._access.api_base else {}
            client = stripe.StripeClient(
                self._access.key,
                stripe_version=API_VERSION,
                base_addresses=bases,
                http_client=transport,
                max_network_retries=0,
            )
            self._connected = (loop, transport, client)
        return self._connected[2]

    async def _create(self, params: PaymentIntentCreateParams, key: str) -> Opened:
        return _opened(await _answer(self._client.v1.payment_intents.create_async(params, {"idempotency_key": key})))

    async def _retrieve(self, ref: str) -> Json:
        return await _answer(self._client.v1.payment_intents.retrieve_async(ref, {"expand": _EXPAND}))

    def _refund(self, refund: Json) -> ProviderFact:
        try:
            fact = refund_fact(refund, datetime.now(UTC), livemode=self.livemode)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnknownOutcome(f"an answer that is no refund: {error!r}") from error
        if fact is None:
            raise UnknownOutcome("the answer is about another refund")
        return fact

    async def _pages(self, service: Listed, since: datetime | None, params: Json) -> AsyncIterator[list[Json]]:
        asked: Any = {"limit": _PAGE, **params}
        if since is not None:
            asked["created"] = {"gte": int((since - _CLOCKS_APART).timestamp())}
        while True:
            page = await _answer(service.list_async(asked))
            yield page["data"]
            if not page["has_more"]:
                return
            asked = {**asked, "starting_after": page["data"][-1]["id"]}


def _opened(intent: Json) -> Opened:
    return Opened(ref=intent["id"], client_secret=intent["client_secret"], facts=_facts(intent))


def _facts(intent: Json) -> tuple[ProviderFact, ...]:
    try:
        return intent_facts(intent)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnknownOutcome(f"an answer that is no PaymentIntent: {error!r}") from error


def _rescaled(money: Money) -> int:
    # No minimum applies to refunds, so this is not `to_stripe`.
    return money.amount * 100 // from_stripe(100, money.currency).amount


async def _answer(call: Awaitable[Any]) -> Json:
    """Return an answer's JSON; raises NotAllowed, Refused or UnknownOutcome (docs.stripe.com/error-handling)."""
    try:
        answered: Json = (await call).last_response.data
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise NotAllowed(str(error)) from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        raise Refused(error.code or "invalid_request", str(error)) from error
    except Exception as error:
        # 5xx, 429, 409 (key in use, lock timeout), a key used with other parameters, no connection, no JSON.
        raise UnknownOutcome(repr(error)[:500]) from error
    return answered
