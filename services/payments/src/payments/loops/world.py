"""What every loop of payments works with, and how it asks a provider."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from common.db import Database, now
from common.sealed import Sealer
from common.telemetry import span
from payments.actions.telling import belonging_to
from payments.domain import Patience
from payments.errors import NotAllowed, Refused, UnknownOutcome
from payments.models import Payment, Refund
from payments.providers import Provider

log = structlog.get_logger(__name__)
T = TypeVar("T")
Row = TypeVar("Row", Payment, Refund)
# Every so many attempts with the same key the provider is asked whether the thing is there: it keeps answering an error
# it gave once to that key, although it may have done what was asked.
_LOOK_EVERY = 5


@dataclass(frozen=True, slots=True)
class World:
    """The database, the providers that are on, how long things may take, and where providers send buyers back to."""

    database: Database
    providers: Mapping[str, Provider]
    patience: Patience
    sealer: Sealer
    return_url: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A call that told nothing."""

    error: str


async def ask(world: World, about: Payment | Refund, call: Callable[[], Awaitable[T]]) -> T | Refused | Unknown:
    """Make a call and return its answer or its failure; it ends well within the lease."""
    try:
        async with asyncio.timeout(world.patience.lease.total_seconds() * 0.8):
            return await call()
    except Refused as refused:
        log.warning("refused by provider", provider=about.provider, id=str(about.id), reason=refused.reason)
        return refused
    except NotAllowed as error:
        log.error("PROVIDER REFUSES OUR CREDENTIALS: mend its keys", provider=about.provider, error=str(error))  # noqa: TRY400 - the trace says nothing more
        return Unknown(str(error))
    except (UnknownOutcome, TimeoutError) as error:
        log.warning("outcome unknown", provider=about.provider, id=str(about.id), error=in_words(error))
        return Unknown(in_words(error))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        log.error("answer of an unheard shape", provider=about.provider, id=str(about.id), error=repr(error))  # noqa: TRY400 - the trace says nothing more
        return Unknown(repr(error))


def in_words(error: BaseException) -> str:
    """Return the sentence that an outcome of ours is, and anything else as Python shows it."""
    return str(error) or repr(error) if isinstance(error, UnknownOutcome) else repr(error)


def forgotten(world: World, called_at: datetime | None) -> bool:
    """Say whether the provider may have forgotten a key that was first used then."""
    return called_at is not None and now() - called_at > world.patience.key_lifetime


def should_look(world: World, row: Payment | Refund) -> bool:
    """Say whether to look for what a call may have made before making it again."""
    return forgotten(world, row.called_at) or row.attempts % _LOOK_EVERY == 0


async def all_of(name: str, work: Callable[[Row], Awaitable[None]], rows: Sequence[Row]) -> None:
    """Work rows side by side, each under the trace it belongs to; one that fails does not stop the others."""
    under_way = [_traced(name, work, row) for row in rows]
    for row, outcome in zip(rows, await asyncio.gather(*under_way, return_exceptions=True), strict=True):
        if isinstance(outcome, Exception):
            log.error("outcome not written", id=str(row.id), exc_info=outcome)


async def _traced(name: str, work: Callable[[Row], Awaitable[None]], row: Row) -> None:
    with belonging_to(row), span("payments", name):
        await work(row)
