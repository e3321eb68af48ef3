"""The providers' stand-ins misbehave: they charge and do not say so, and their webhooks come often, late or never."""

import asyncio
import time
from collections import Counter
from typing import Any, Final

import httpx2

from souk.hurt.dial import PROVIDERS
from souk.hurt.faults.plan import Blow, fault
from souk.hurt.stage import NotAsPlanned, Stage

_SPELL: Final = 6.0
_COMES_WITHIN: Final = 30.0
_FELT_WITHIN: Final = 120.0  # nobody pays while the broker or a database is hurt as well
_COPIES: Final = 50
_IDLE: Final = """
SELECT application_name || ': ' || left(query, 80) AS words FROM pg_stat_activity
WHERE state = 'idle in transaction' AND now() - state_change > interval '2 s' AND datname LIKE 'souk_%'
"""
_TROUBLE: Final = (
    ("commit_then_hang", None),
    ("commit_then_error", "error"),
    ("commit_then_error", "reset"),
    ("commit_then_error", "truncate"),
    ("commit_then_error", "html"),
)


@fault(
    "F36",
    "Both providers take five seconds for each answer, and nobody waits for it with a transaction open.",
    lasts=70,
)
async def slow_provider(stage: Stage) -> Blow:
    """F36: sampled from the server's own list of sessions."""
    await stage.kill("payments")
    await stage.start("payments", PROVIDER_TIMEOUT="8s")
    await stage.whole("payments")
    end = time.monotonic() + 2 * _SPELL
    async with stage.dial.misbehaving({"mode": "delay", "delay": 5.0}):
        while time.monotonic() < end:
            if idle := await stage.sql("payments", _IDLE):
                raise NotAsPlanned(f"idle in transaction: {idle[0]['words']}")
            await asyncio.sleep(0.2)
        stage.count_in_flight()
    return _by_both(stage)


@fault("F38", "Every webhook arrives fifty times at once.")
async def webhooks_in_crowds(stage: Stage) -> Blow:
    """F38: applied once each."""
    rule = {"target": "webhook", "mode": "duplicate", "times": _COPIES, "count": 20}
    return await _webhooks(stage, rule)


@fault("F39", "Webhooks come in any order, late, or never.")
async def webhooks_astray(stage: Stage) -> Blow:
    """F39: webhooks only add speed."""
    rules = (
        {"target": "webhook", "mode": "drop", "share": 0.4},
        {"target": "webhook", "mode": "reorder", "share": 0.5, "delay": 6.0},
        {"target": "webhook", "mode": "delay", "share": 0.3, "delay": 12.0},
    )
    return await _webhooks(stage, *rules)


async def _webhooks(stage: Stage, *rules: dict[str, Any]) -> Blow:
    async with stage.dial.misbehaving(*rules):
        await _felt_by_both(stage, 2 * _SPELL)
    return _by_both(stage)


async def _felt_by_both(stage: Stage, seconds: float) -> None:
    """Let the rules be followed for so long, and longer where a provider had no occasion yet."""
    await asyncio.sleep(seconds)
    stage.count_in_flight()
    end = time.monotonic() + _FELT_WITHIN
    await stage.dial.count()
    while not min(stage.dial.by_provider.values()) and time.monotonic() < end:
        await asyncio.sleep(0.5)
        await stage.dial.count()


def _by_both(stage: Stage) -> Blow:
    hits = stage.dial.by_provider
    return Blow(min(hits.values()), ", ".join(f"{hit}× {name}" for name, hit in hits.items()))


@fault("F41", "The databases are down while webhooks arrive.")
async def webhooks_without_database(stage: Stage) -> Blow:
    """F41: what cannot be stored is refused, so that it comes again."""
    before = {attempt["id"] for attempt in await stage.dial.attempts()}
    stage.count_in_flight()
    postgres = stage.fleet.postgres
    await asyncio.to_thread(postgres.stop)
    refused: Counter[str] = Counter()
    attempts, end = 0, time.monotonic() + _COMES_WITHIN
    try:
        while len(refused) < len(PROVIDERS) and time.monotonic() < end:
            await asyncio.sleep(_SPELL)
            meanwhile = [attempt for attempt in await stage.dial.attempts() if attempt["id"] not in before]
            attempts = len(meanwhile)
            refused = Counter(
                attempt["provider"] for attempt in meanwhile if attempt["status"] == httpx2.codes.SERVICE_UNAVAILABLE
            )
    finally:
        await asyncio.to_thread(postgres.start)
    told = ", ".join(f"{count} of {name} answered 503" for name, count in refused.items())
    return Blow(min(refused[name] for name in PROVIDERS), f"{attempts} webhooks meanwhile, {told}")


@fault("F43", "Both providers do what they are asked, then hang, fail, reset, truncate, or answer in HTML.", lasts=70)
async def charged_without_a_word(stage: Stage) -> Blow:
    """F43: for us as for the buyer's own card; each kind for some seconds."""
    hits = {}
    for mode, variant in _TROUBLE:
        rule = {"mode": mode, "share": 0.3, **({"variant": variant} if variant else {})}
        async with stage.dial.misbehaving(rule):
            await _felt_by_both(stage, _SPELL)
        for provider, hit in stage.dial.by_provider.items():
            hits[f"{provider} {variant or 'hang'}"] = hit
    return Blow(min(hits.values()), ", ".join(f"{hit}× {name}" for name, hit in hits.items()))
