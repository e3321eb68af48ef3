"""Provider events: stored byte for byte before anything is made of them, then applied by themselves."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from common.contracts.payments import WebhookReceived
from common.db import Database, fetch, now, wake_after_commit
from common.events import new_id
from common.outbox import emit
from payments.actions.facts import apply_provider_fact
from payments.domain import Effect, EventStatus, Patience, ProviderFact
from payments.errors import Unreadable
from payments.models import ProviderEvent
from payments.providers import Content, Notice, Provider

log = structlog.get_logger(__name__)
_STORE: Final = """
INSERT INTO provider_events (id, provider, event_ref, type, origin, body, sha256, status, received_at, due_at, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'stored', now(), now(), 0)
ON CONFLICT (provider, event_ref) DO NOTHING RETURNING id
"""
_KNOWN: Final = "SELECT event_ref FROM provider_events WHERE provider = $1 AND event_ref = ANY($2::text[])"


async def store_webhook(database: Database, provider: str, notice: Notice) -> None:
    """Keep a verified webhook, committed when this returns; a repeat of the same event changes nothing."""
    if await database.once(_STORE, *_row(provider, notice, "webhook")):
        database.waker.wake(["apply facts"])


async def store_listed(session: AsyncSession, provider: str, notices: Sequence[Notice]) -> int:
    """Keep the listed events that no webhook has brought; return how many those were."""
    rows = await fetch(session, _KNOWN, provider, [notice.event_ref for notice in notices])
    known = {row["event_ref"] for row in rows}
    missing = [notice for notice in notices if notice.event_ref not in known]
    return sum([await _store(session, provider, notice, "list") for notice in missing])


async def _store(session: AsyncSession, provider: str, notice: Notice, origin: str) -> bool:
    if not await fetch(session, _STORE, *_row(provider, notice, origin)):
        return False
    wake_after_commit(session, "apply facts")
    return True


def _row(provider: str, notice: Notice, origin: str) -> tuple[UUID, str, str, str, str, bytes, str]:
    digest = hashlib.sha256(notice.body).hexdigest()
    return (new_id(), provider, notice.event_ref, notice.type, origin, notice.body, digest)


async def apply_event(
    session: AsyncSession, event: ProviderEvent, providers: Mapping[str, Provider], patience: Patience
) -> None:
    """Apply a stored event, file it, or keep it until the object it speaks of is known."""
    provider = providers.get(event.provider)
    if provider is None:
        event.again(now() + patience.longest_retry, "provider_not_configured")
        return
    if event.status == EventStatus.STORED and event.origin == "webhook":
        _tell_received(session, event)
    try:
        content = provider.parse(event.body)
    except Unreadable as error:
        log.exception("provider event cannot be read", event_ref=event.event_ref, type=event.type)
        event.end(EventStatus.UNREADABLE, str(error)[:500])
        return
    if content.ignored:
        _ignore(event, content)
        return
    effects = {fact: await apply_provider_fact(session, fact) for fact in content.facts}
    _file(event, effects, patience)


def _tell_received(session: AsyncSession, event: ProviderEvent) -> None:
    told = {
        "delivery_id": event.id,
        "provider": event.provider,
        "event_ref": event.event_ref,
        "type": event.type,
        "body_sha256": event.sha256,
    }
    emit(session, WebhookReceived.model_validate(told))


def _ignore(event: ProviderEvent, content: Content) -> None:
    log.log(40 if content.alarm else 20, "provider event ignored", type=event.type, reason=content.ignored)
    event.end(EventStatus.IGNORED, content.ignored)


def _file(event: ProviderEvent, effects: Mapping[ProviderFact, Effect], patience: Patience) -> None:
    strange = next((fact for fact, effect in effects.items() if effect in {"unmatched", "foreign"}), None)
    if strange is None:
        event.end(EventStatus.APPLIED)
        return
    ours, age = "unmatched" in effects.values(), now() - event.received_at
    # By this it is found once what it speaks of is known, however late that is.
    event.object_ref = strange.about
    if age < (patience.unmatched_for if ours else patience.longest_retry):
        event.wait(now() + patience.retry(event.attempts))
    elif ours:
        log.error("provider event matches nothing of ours", event_ref=event.event_ref, about=strange.about)
        event.end(EventStatus.UNMATCHED, "gave up waiting for its object")
    else:
        event.end(EventStatus.FOREIGN, "about money that never came here")


def postpone_event(event: ProviderEvent, error: str, until: datetime) -> None:
    """Applying it failed: try again later."""
    event.attempts += 1
    event.again(until, error[:500])
