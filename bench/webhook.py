"""A signed webhook until it is stored and answered, beside bare Starlette with an HMAC and one INSERT."""

import statistics
import time
from collections.abc import Mapping
from typing import Final

import orjson

from bench.load import Load, request, send
from bench.machines import Machines
from bench.rounds import ROUNDS, Measured, Rounds, alternate, compare, say, within
from common.events import new_id
from sandbox.stripe.signature import signature_header

COUNT, CONNECTIONS, SECRET = 3000, 16, "whsec_bench"
_SECONDS: Final = 3


async def measure(machines: Machines) -> Measured:
    """Deliver events, each once, as fast as possible."""
    await machines.services()
    given = {"STRIPE_WEBHOOK_SECRET": SECRET}
    with machines.api("payments", given) as ours, machines.floor("webhook", "postgres") as floor:

        async def run(port: int, count: int = COUNT) -> float:
            return (await send(Load(port, _webhooks(count), CONNECTIONS))).all_are(200).rate

        await run(ours, 200)
        await run(floor, 200)
        found = await alternate({"bare Starlette": lambda: run(floor), "webhook": lambda: run(ours)})
        half = statistics.median(found["webhook"]) / 2
        took = await _took({"ours": ours, "bare": floor}, half)
    return Measured(
        "webhook",
        f"{COUNT} signed events of 1.5 KB over {CONNECTIONS} connections, one api process; then at {half:.0f} a second",
        [
            compare(found, "webhooks accepted", ("webhook", "bare Starlette"), 0.5),
            within("webhook ack at half of saturation, p50", took[0.5], "ms", 2),
            within("webhook ack at half of saturation, p99", took[0.99], "ms", 2),
        ],
    )


async def _took(ports: Mapping[str, int], rate: float) -> dict[float, Rounds]:
    """Send at a steady pace, in turns; return both percentiles in milliseconds."""
    found: dict[float, Rounds] = {0.5: {name: [] for name in ports}, 0.99: {name: [] for name in ports}}
    for _ in range(ROUNDS):
        for name, port in ports.items():
            answers = (await send(Load(port, _webhooks(int(rate * _SECONDS)), CONNECTIONS, rate))).all_are(200)
            for share, rounds in found.items():
                rounds[name].append(answers.ms(share))
            say(f"   {name}: p50 {answers.ms(0.5):.1f} ms   p99 {answers.ms(0.99):.1f} ms")
    return found


def _webhooks(count: int) -> list[bytes]:
    moment = time.time()
    found = []
    for _ in range(count):
        body = orjson.dumps(_event())
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature_header(body, [SECRET], moment)}
        found.append(request("POST", "/api/v1/payments/webhooks/stripe", headers, body))
    return found


def _event() -> dict[str, object]:
    intent = {
        "id": f"pi_{new_id().hex}",
        "object": "payment_intent",
        "amount": 2599,
        "amount_received": 2599,
        "currency": "usd",
        "status": "succeeded",
        "metadata": {"order_id": str(new_id()), "payment_id": str(new_id()), "attempt": "1"},
        "description": "x" * 800,
    }
    return {
        "id": f"evt_{new_id().hex}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "type": "payment_intent.succeeded",
        "livemode": False,
        "data": {"object": intent},
    }
