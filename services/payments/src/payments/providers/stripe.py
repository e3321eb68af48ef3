"""Stripe: payments as PaymentIntents or Checkout Sessions, one call of the official SDK per step."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import stripe
from stripe import EventService, PaymentIntentService, RefundService
from stripe.checkout import SessionService

from payments.domain import ProviderFact
from payments.errors import Refused, SignatureInvalid, UnknownOutcome
from payments.providers import Content, Notice, Opened, PaymentTerms, RefundTerms
from payments.providers.reading import Json, documented, one_header, text
from payments.providers.stripe_events import FACT_TYPES, notices, read_event, read_notice
from payments.providers.stripe_facts import NAME, id_of, in_session, intent_facts, refund_fact, session_facts
from payments.providers.stripe_requests import makes_session, payment_request, refund_request
from payments.providers.stripe_signature import check_signature
from payments.providers.stripe_transport import RefusedParameter, StripeAccess, Transport, answer, connect
from payments.providers.unheard import Unheard
from payments.settings import PaymentsSettings

Facts = tuple[ProviderFact, ...]
Listed = PaymentIntentService | SessionService | RefundService | EventService
_CLOSABLE: Final = frozenset({"open", "requires_payment_method", "requires_confirmation", "requires_action"})
_EMAILS: Final = ("receipt_email", "customer_email")
_EXPAND: Final = ["latest_charge"]
_PAGE: Final = 100
_CLOCKS_APART: Final = timedelta(minutes=5)


def configured(settings: PaymentsSettings) -> "Stripe | None":
    """Return the adapter, None without credentials."""
    if settings.stripe_key is None:
        return None
    access = StripeAccess(
        key=settings.stripe_key.get_secret_value(),
        secrets=settings.stripe_webhook_secrets,
        api_base=settings.stripe_api_base,
        timeout=settings.provider_timeout.total_seconds(),
    )
    return Stripe(access)


class Stripe:
    """The adapter. It connects when it is first used, once per event loop."""

    name = NAME
    flows = frozenset({"intent", "checkout"})

    def __init__(self, access: StripeAccess) -> None:
        self._access = access
        self.livemode = access.livemode
        self._unheard = Unheard(NAME)
        self._connected: tuple[asyncio.AbstractEventLoop, Transport, stripe.StripeClient] | None = None

    def payment_request(self, terms: PaymentTerms) -> str:
        return payment_request(terms, datetime.now(UTC))

    def refund_request(self, terms: RefundTerms) -> str:
        return refund_request(terms)

    async def open(self, request: str, key: str) -> Opened:
        params = orjson.loads(request)
        while True:
            try:
                return await self._create(params, key)
            except RefusedParameter as error:
                # Each further request has a key of its own that follows from the one before: the very same calls are
                # made again after an unknown outcome.
                params, key = _without(params, error), f"{key}-bare"

    async def find(self, payment_id: UUID, since: datetime) -> Opened | None:
        services: Sequence[Listed] = (self._client.v1.payment_intents, self._client.v1.checkout.sessions)
        for service in services:
            async for page in self._pages(service, since, {}):
                for thing in page:
                    if _metadata(thing).get("payment_id") == str(payment_id) and _opens(thing):
                        return _opened(thing)
        return None

    async def fetch(self, ref: str) -> Facts:
        return await self._told_by(await self._retrieve(ref))

    async def close(self, ref: str) -> Facts:
        thing = await self._retrieve(ref)
        if thing.get("status") in _CLOSABLE:
            try:
                thing = await self._end(ref)
            except Refused:
                thing = await self._retrieve(ref)
                if thing.get("status") in _CLOSABLE:
                    raise
        facts = await self._told_by(thing)
        if not _names_session(ref):
            return facts
        # A completed session takes no other try: after a slow method's decline no money can come of it.
        return (*facts, *(replace(fact, kind="cancelled", try_ref="") for fact in facts if fact.kind == "declined"))

    async def refund(self, request: str, key: str) -> ProviderFact:
        refunds = self._client.v1.refunds
        return self._refund(await answer(refunds.create_async(orjson.loads(request), {"idempotency_key": key})))

    async def find_refund(self, refund_id: UUID, capture_ref: str) -> ProviderFact | None:
        async for page in self._pages(self._client.v1.refunds, None, {"payment_intent": capture_ref}):
            for refund in page:
                if _metadata(refund).get("refund_id") == str(refund_id):
                    return self._refund(refund)
        return None

    async def fetch_refund(self, ref: str) -> ProviderFact:
        return self._refund(await answer(self._client.v1.refunds.retrieve_async(ref)))

    async def events_since(self, since: datetime) -> AsyncIterator[Sequence[Notice]]:
        async for page in self._pages(self._client.v1.events, since, {"types": list(FACT_TYPES)}):
            yield notices(page)

    def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        if not self._access.secrets:
            self._unheard.refused()
        check_signature(body, one_header(headers, "stripe-signature"), self._access.secrets, now)
        return read_notice(body)

    def parse(self, body: bytes) -> Content:
        return read_event(body, livemode=self.livemode)

    def handed_back(self, fields: Mapping[str, str]) -> str:  # noqa: ARG002 - Stripe signs nothing that a browser brings
        raise SignatureInvalid

    async def disconnect(self) -> None:
        if self._connected is not None and self._connected[0] is asyncio.get_running_loop():
            await self._connected[1].close_async()
        self._connected = None

    @property
    def _client(self) -> stripe.StripeClient:
        # Pools belong to the event loop they were opened in.
        loop = asyncio.get_running_loop()
        if self._connected is None or self._connected[0] is not loop:
            self._connected = (loop, *connect(self._access))
        return self._connected[2]

    async def _create(self, params: Any, key: str) -> Opened:  # noqa: ANN401 - the SDK has a type for each kind
        api, options = self._client.v1, {"idempotency_key": key}
        create: Any = (api.checkout.sessions if makes_session(params) else api.payment_intents).create_async
        return _opened(await answer(create(params, options)))

    async def _retrieve(self, ref: str) -> Json:
        if _names_session(ref):
            return await answer(self._client.v1.checkout.sessions.retrieve_async(ref))
        return await answer(self._client.v1.payment_intents.retrieve_async(ref, {"expand": _EXPAND}))

    async def _end(self, ref: str) -> Json:
        if _names_session(ref):
            return await answer(self._client.v1.checkout.sessions.expire_async(ref))
        return await answer(self._client.v1.payment_intents.cancel_async(ref, {"expand": _EXPAND}))

    async def _told_by(self, thing: Json) -> Facts:
        with documented("PaymentIntent or Checkout Session"):
            if not _names_session(thing["id"]):
                return intent_facts(thing)
            facts, intent_ref = session_facts(thing), id_of(thing.get("payment_intent"))
        if not intent_ref or not facts or facts[0].kind not in {"opened", "processing"}:
            return facts
        # Until a session has ended its intent knows more: which try was declined, if any.
        return await self.fetch(intent_ref) or facts

    def _refund(self, refund: Json) -> ProviderFact:
        with documented("Refund"):
            fact = refund_fact(refund, datetime.now(UTC), livemode=self.livemode)
        if fact is None:
            raise UnknownOutcome("the answer is about another refund")
        return fact

    async def _pages(self, service: Listed, since: datetime | None, params: Json) -> AsyncIterator[list[Json]]:
        asked: Any = {"limit": _PAGE, **params}
        if since is not None:
            asked["created"] = {"gte": int((since - _CLOCKS_APART).timestamp())}
        while True:
            page = await answer(service.list_async(asked))
            with documented("list"):
                things, more = page["data"], page["has_more"]
            yield things
            if not more or not things:
                return
            asked = {**asked, "starting_after": things[-1]["id"]}


def _without(params: Json, error: RefusedParameter) -> Json:
    """Return a request without what only helps; raises the error where that is not what was refused.

    An address that Stripe does not like must not keep anybody from paying. Nor must a limit that is too near by the
    time the call gets through: whoever opened the session closes it.
    """
    emails = _EMAILS if error.reason == "email_invalid" or error.parameter in _EMAILS else ()
    spare = [name for name in (*emails, "expires_at") if name in params and name in {*emails, error.parameter}]
    if not spare:
        raise error
    return {name: value for name, value in params.items() if name not in spare}


def _opened(thing: Json) -> Opened:
    with documented("PaymentIntent or Checkout Session"):
        ref = text(thing["id"])
        if _names_session(ref):
            # Nobody could pay an open session without its address.
            url = thing.get("url")
            if thing["status"] == "open" and not isinstance(url, str):
                raise TypeError("an open session without an address")
            return Opened(ref=ref, checkout_url=url, facts=session_facts(thing))
        return Opened(ref=ref, client_secret=text(thing["client_secret"]), facts=intent_facts(thing))


def _opens(thing: Json) -> bool:
    return _names_session(thing["id"]) or not in_session(thing)


def _names_session(ref: str) -> bool:
    return ref.startswith("cs_")


def _metadata(thing: Json) -> Json:
    return thing.get("metadata") or {}
