"""The sandbox as a process, mounted elsewhere, and under load."""

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import asynccontextmanager

import aiosmtplib
import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from sandbox.__main__ import main, parse, settings_from
from sandbox.faults import CutConnectionError
from sandbox.main import Sandbox, SandboxSettings

HEADERS = {"authorization": "Bearer sk_test_souk"}
PAYING = {"amount": "2000", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}
API = "/sandbox/stripe/v1/payment_intents"
UPLOADS, KEY = "/sandbox/imagekit/api/v1/files/upload", ("private_souk", "")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@asynccontextmanager
async def process(state, *more):
    port, smtp_port = free_port(), free_port()
    arguments = ["--port", str(port), "--state", str(state), "--smtp-port", str(smtp_port), *more]
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "sandbox", *arguments)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, trust_env=False) as http:
        async with asyncio.timeout(20):
            while True:
                try:
                    await http.get("/sandbox/chaos")
                    break
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
        http.smtp_port = smtp_port
        try:
            yield child, http
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()


async def post_mail(http):
    options = {"hostname": "127.0.0.1", "port": http.smtp_port, "sender": "a@b.example", "recipients": ["c@d.example"]}
    await aiosmtplib.send(b"Subject: Kept\r\n\r\nbody", timeout=5, **options)


async def test_a_killed_process_remembers_everything(tmp_path, world):
    state = tmp_path / "killed.db"
    hook = ["--secret", "stripe=whsec_test_secret", "--webhook"]
    async with process(state, *hook, "stripe=http://127.0.0.1:9/hook", "--retry-delays", "0.3,0.3,0.3,0.3") as (
        child,
        http,
    ):
        paid = (await http.post(API, data=PAYING, headers={"idempotency-key": "one"})).json()
        await http.put("/sandbox/chaos", json={"provider": "stripe", "mode": "error", "operation": "refunds.create"})
        await post_mail(http)
        await http.post(
            UPLOADS, data={"fileName": "a.txt", "useUniqueFileName": "false"}, files={"file": b"kept"}, auth=KEY
        )
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
    async with process(state, *hook, f"stripe={world.url}/hook") as (child, http):
        truth = (await http.get("/sandbox/truth")).json()["stripe"]
        assert [charge["payment_intent"] for charge in truth["charges"]] == [paid["id"]]
        assert len(truth["webhooks"]) == 3
        replayed = await http.post(API, data=PAYING, headers={"idempotency-key": "one"})
        assert replayed.json() == paid
        assert (await http.post("/sandbox/stripe/v1/refunds", data={"payment_intent": paid["id"]})).status_code == 500
        assert (await http.get("/sandbox/mail/messages")).json()[0]["subject"] == "Kept"
        assert (await http.get("/sandbox/imagekit/cdn/souk/a.txt")).text == "kept"
        assert (await http.get("/", follow_redirects=True)).status_code == 200
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 10) == 0


def test_the_command_line_becomes_settings(tmp_path):
    state = str(tmp_path / "sandbox.db")
    webhook = ["--webhook", "stripe=http://x/hook", "--secret", "stripe=whsec_a=b"]
    given = settings_from(parse(["--port", "9001", "--state", state, *webhook, "--retry-delays", "1,2.5"]))
    assert given.webhook_targets == {"stripe": "http://x/hook"}
    assert given.secrets_of("stripe") == ("whsec_a=b",)
    assert given.secrets_of("other") == ()
    assert given.webhook_retry_delays == (1.0, 2.5)
    assert (
        SandboxSettings(state_file=tmp_path, public_url="https://shop.example/").address()
        == "https://shop.example/sandbox"
    )
    assert given.address() == given.public_url == "http://127.0.0.1:9001/sandbox"
    with pytest.raises(SystemExit):
        parse(["--state", state, "--webhook", "nonsense"])


def test_arguments_may_be_lines_of_a_file_so_that_no_process_list_shows_secrets(tmp_path):
    (tmp_path / "arguments").write_text("--secret=stripe=whsec_n0body\n--key=razorpay=rzp_test_1:p@ss word\n")
    given = settings_from(parse(["--state", "x.db", f"@{tmp_path / 'arguments'}"]))
    assert given.webhook_secrets == {"stripe": "whsec_n0body"}
    assert given.api_keys == {"razorpay": "rzp_test_1:p@ss word"}


def test_in_production_it_does_not_start(monkeypatch):
    monkeypatch.setenv("SOUK_ENV", "production")
    with pytest.raises(SystemExit, match="nothing of the sandbox is used there"):
        main(["--state", "x.db"])


def test_the_process_ends_cleanly_on_a_signal(tmp_path):
    async def stop_soon():
        await asyncio.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    class Stopping(asyncio.Runner):
        def run(self, coroutine, **options):
            async def both():
                await asyncio.gather(coroutine, stop_soon())

            return super().run(both(), **options)

    patch = pytest.MonkeyPatch()
    patch.setattr(asyncio, "Runner", Stopping)
    try:
        main(["--port", str(free_port()), "--smtp-port", "0", "--state", str(tmp_path / "sandbox.db")])
    finally:
        patch.undo()


async def test_the_process_too_can_cut_the_line(tmp_path):
    async with process(tmp_path / "cut.db") as (_child, http):
        rule = {"provider": "stripe", "mode": "commit_then_error"}
        for variant in ("reset", "truncate"):
            await http.put("/sandbox/chaos", json=[{**rule, "variant": variant}])
            with pytest.raises(httpx2.TransportError):
                await http.post(API, data=PAYING)
        await http.put("/sandbox/chaos", json=[{"provider": "stripe", "mode": "hang", "delay": 0.1}])
        with pytest.raises(httpx2.TransportError):
            await http.post(API, data=PAYING)
        await http.put("/sandbox/chaos", json=[{"provider": "smtp", "mode": "commit_then_hang", "operation": "data"}])
        with pytest.raises(aiosmtplib.SMTPServerDisconnected):
            await post_mail(http)
        assert len((await http.get("/sandbox/mail/messages")).json()) == 1
        await http.delete("/sandbox/chaos")
        await post_mail(http)
        assert len((await http.get("/sandbox/truth")).json()["stripe"]["charges"]) == 2


async def test_the_port_is_known_only_after_the_start(tmp_path):
    sandbox = Sandbox(SandboxSettings(state_file=tmp_path / "sandbox.db"))
    with pytest.raises(RuntimeError):
        _ = sandbox.smtp_port
    await sandbox.start()
    assert sandbox.smtp_port > 0
    await sandbox.stop()


async def test_the_index_lists_what_is_there(world):
    await world.chaos({"provider": "stripe", "mode": "delay", "count": 0})
    for path in ("/sandbox/", "/sandbox/truth/", "/sandbox/mail/"):
        assert (await world.http.get(path)).status_code == 200
    page = (await world.http.get("/sandbox/")).text
    for place in ("/sandbox/stripe", "/sandbox/mail", "/sandbox/truth", "/sandbox/chaos"):
        assert place in page


async def test_truth_is_told_since_a_moment(world):
    await world.paid()
    later = {"since": str(time.time() + 100)}
    assert (await world.http.get("/sandbox/truth", params=later)).json()["stripe"]["charges"] == []
    for since in ("yesterday", "nan"):
        assert (await world.http.get("/sandbox/truth", params={"since": since})).status_code == 422


async def test_a_task_that_cannot_be_done_does_not_stop_the_others(world, caplog):
    tasks = [("nobody", "x", "y"), ("stripe", "settle_intent", "pi_none"), ("stripe", "settle_refund", "re_none")]
    with world.sandbox._store.transaction() as db:
        db.executemany("INSERT INTO later (due, provider, task, subject) VALUES (0, ?, ?, ?)", tasks)
    bank = await world.paid("pm_usBankAccount_success")
    await world.until(lambda: "payment_intent.succeeded" in world.shop.types)
    assert bank.status == "processing"
    assert "no provider nobody" in caplog.text
    assert "pi_none failed" in caplog.text


async def test_a_canceled_debit_does_not_settle(world):
    bank = await world.paid("pm_usBankAccount_success")
    await world.stripe.v1.payment_intents.cancel_async(bank.id)
    await asyncio.sleep(0.1)
    assert (await world.truth())["charges"] == []


class Wrapped:
    """Middleware as a real app has it, between the server and the sandbox."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def passing(message):
            await send(message)

        await self.app(scope, receive, passing)


@pytest.mark.parametrize("variant", ["reset", "truncate"])
async def test_it_can_be_mounted_in_another_app_and_still_cut_the_line(world, street, variant):
    host = FastAPI(middleware=[Middleware(Wrapped)])
    host.mount("/outer", Starlette(routes=[Mount("/sandbox", world.sandbox.app)]))
    street.app = host
    page = await world.http.get("/outer/sandbox/")
    assert 'href="/outer/sandbox/mail"' in page.text
    rule = {"provider": "stripe", "mode": "commit_then_error", "variant": variant}
    await world.http.put("/outer/sandbox/chaos", json=rule)
    with pytest.raises(httpx2.TransportError):
        await world.http.post(f"/outer{API}", data=PAYING, headers=HEADERS)
    assert len((await world.http.get("/outer/sandbox/truth")).json()["stripe"]["charges"]) == 1


@pytest.mark.parametrize("variant", ["reset", "truncate"])
async def test_behind_an_unknown_server_a_cut_is_an_answer_that_stops_short(world, variant):
    await world.chaos({"provider": "stripe", "mode": "commit_then_error", "variant": variant})
    transport = httpx2.ASGITransport(world.sandbox.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as http:
        with pytest.raises(CutConnectionError):
            await http.post("/stripe/v1/payment_intents", data=PAYING, headers=HEADERS)
        assert (await http.get("")).status_code == 200


async def test_thousands_of_payments_a_minute(world):
    world.shop.slowness = 0
    started = time.perf_counter()
    for _ in range(10):
        answers = await asyncio.gather(*(world.http.post(API, data=PAYING, headers=HEADERS) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
    took = time.perf_counter() - started
    assert 200 / took > 20, f"{200 / took:.0f} a second"
    await world.until(lambda: len(world.shop.events) == 600, 30)
