"""A signed webhook until it is stored and answered, beside bare Starlette with an HMAC and one INSERT."""

import time

import orjson

from bench.load import Load, request, send
from bench.machines import Machines
from bench.rounds import Measured, alternate, compare
from common.events import new_id
from sandbox.stripe.signature import signature_header

COUNT, CONNECTIONS, SECRET = 1500, 16, "whsec_bench"


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
    line = compare(found, "webhook ack", ("webhook", "bare Starlette"), 0.5)
    return Measured(
        "webhook", f"{COUNT} signed events of 1.5 KB over {CONNECTIONS} connections, one api process", [line]
    )


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
