"""The service as it runs: its own loops, clocks and wake-ups, nobody turning the handle."""

import time

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse

from common.contracts.auth import UserRegistered


async def test_a_webhook_wakes_the_worker_at_once(make_till) -> None:
    till = await make_till(webhooks=True)
    async with till.one.service.running():
        await till.one.hear(till.request())

        async def opened() -> bool:
            return bool(await till.told("payment.opened"))

        await till.until(opened)
        await till.confirm((await till.told("payment.opened"))[0]["provider_ref"])
        began = time.monotonic()

        async def paid() -> bool:
            return bool(await till.told("payment.succeeded"))

        await till.until(paid)
        assert time.monotonic() - began < 5


async def test_without_webhooks_the_clock_brings_the_money_and_the_closing(make_till) -> None:
    till = await make_till(environ={"SOUK_PACE": "60", "BACKFILL_EVERY": "1d"})
    async with till.one.service.running():
        await till.one.hear(till.request(), till.request())

        async def both_opened() -> bool:
            return len(await till.told("payment.opened")) == 2

        await till.until(both_opened)
        paid, left = await till.told("payment.opened")
        await till.confirm(paid["provider_ref"])
        await till.one.hear(till.closing(left))

        async def both_ended() -> bool:
            return len(await till.told("payment.succeeded", "payment.cancelled")) == 2

        await till.until(both_ended)
    assert (await till.payment(paid["payment_id"]))["status"] == "succeeded"


async def test_an_address_the_provider_dislikes_keeps_nobody_from_paying(till, street) -> None:
    keys: list[str] = []

    async def picky(scope, receive, send) -> None:
        request = Request(scope, receive)
        body = (await request.body()).decode()
        keys.append(request.headers["idempotency-key"])
        if "receipt_email" in body:
            error = {"type": "invalid_request_error", "code": "email_invalid", "message": "Invalid email"}
            answer = JSONResponse({"error": error}, 400)
        else:
            payment = (await till.rows("SELECT id FROM payments"))[0]["id"]
            answer = JSONResponse(
                {
                    "id": "pi_bare",
                    "object": "payment_intent",
                    "client_secret": "pi_bare_secret",
                    "status": "requires_payment_method",
                    "amount": 2599,
                    "currency": "usd",
                    "livemode": False,
                    "metadata": {"payment_id": str(payment)},
                }
            )
        await answer(scope, receive, send)

    street.sandbox = picky
    user = {"user_id": till.buyer, "name": "Ada", "email": "a@b", "roles": [], "version_number": 1}
    await till.one.hear(UserRegistered.model_validate(user))
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    assert (await till.told("payment.opened"))[0]["provider_ref"] == "pi_bare"
    assert keys[1] == f"{keys[0]}-bare"


async def test_an_endless_answer_is_cut_off(till, street) -> None:
    async def endless(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})

    street.sandbox = endless
    await till.one.hear(till.request())
    await till.one.work_loops("open payments")
    row = (await till.rows("SELECT status, last_error FROM payments"))[0]
    assert row["status"] == "unknown"
    assert "larger" in row["last_error"]


async def test_an_answer_of_another_shape_is_no_answer(till, street) -> None:
    answers = [[], {}, {"id": "pi_1"}, {"id": "pi_1", "client_secret": "s", "metadata": {}, "status": "dissolved"}]

    async def odd(scope, receive, send) -> None:
        await JSONResponse(answers.pop(0))(scope, receive, send)

    street.sandbox = odd
    await till.one.hear(till.request())
    while answers:
        await till.let_time_pass("payments")
        await till.one.work_loops("open payments")
        row = (await till.rows("SELECT status, lease, last_error FROM payments"))[0]
        assert (row["status"], row["lease"]) == ("unknown", None)
        assert row["last_error"]
    assert (await till.rows("SELECT status FROM payments"))[0]["status"] == "unknown"
    assert orjson.loads((await till.rows("SELECT request FROM payments"))[0]["request"])["amount"] == 2599
