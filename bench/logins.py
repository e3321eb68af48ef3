"""Two hundred logins at once: how long everybody else waits meanwhile, and how much memory they take."""

import asyncio

import httpx2
import orjson

from bench.counter import memory_of
from bench.load import Answers, Load, request, send
from bench.machines import Machines
from bench.rounds import Measured, limit, say
from souk.client import Client

LOGINS, ROUNDS, SECONDS, RATE = 200, 3, 10, 50
_ME = ("Ann", "ann@example.com", "correct horse battery")
_JSON = {"Content-Type": "application/json"}


async def measure(machines: Machines) -> Measured:
    """Log in with as many accounts as there are logins, each of which costs a whole hash, beside who only asks."""
    await machines.services()
    with machines.api_process("auth") as (port, process), machines.api("catalog") as catalog:
        async with httpx2.AsyncClient() as http:
            ann = Client(http, f"http://127.0.0.1:{port}")
            await ann.register(*_ME)
            token = {"Authorization": f"Bearer {(await ann.login(*_ME[1:])).token}"}
        asked = {
            "GET /users/me": Load(port, [request("GET", "/api/v1/users/me", token)] * SECONDS * RATE, 32, RATE),
            "GET /products": Load(catalog, [request("GET", "/api/v1/products")] * SECONDS * RATE, 32, RATE),
        }
        quiet = await asyncio.gather(*map(send, asked.values()))
        before = memory_of(process.pid)
        rounds = [await _round(port, list(asked.values()), number) for number in range(ROUNDS)]
        peak = memory_of(process.pid, "VmHWM")
    lines = []
    for at, (what, alone) in enumerate(zip(asked, quiet, strict=True), 1):
        lines.append(limit(f"{what}, nobody logs in, p99", [alone.ms(0.99)], "ms"))
        lines.append(limit(f"{what}, {LOGINS} log in, p50", [one[at].ms(0.5) for one in rounds], "ms"))
        lines.append(limit(f"{what}, {LOGINS} log in, p99", [one[at].ms(0.99) for one in rounds], "ms", 100))
        failed = [float(sum(one[at].statuses.values()) - one[at].statuses.get(200, 0)) for one in rounds]
        lines.append(limit(f"{what}, {LOGINS} log in, not answered", failed, "", 0))
    lines.append(limit(f"one of {LOGINS} logins at once, p50", [one[0].ms(0.5) for one in rounds], "ms"))
    lines.append(limit("auth, before", [before], "MB"))
    lines.append(limit("auth, at most", [peak], "MB", 350))
    how = f"{LOGINS} logins at once, each on a connection of its own, beside {RATE}/s of each other request; "
    return Measured("logins", how + "auth and catalog are one process each", lines)


async def _round(port: int, asked: list[Load], number: int) -> list[Answers]:
    bodies = [orjson.dumps({"email": f"nobody{number}-{n}@example.com", "password": _ME[2]}) for n in range(LOGINS)]
    logins = [request("POST", "/api/v1/auth/login", _JSON, body) for body in bodies]
    found = await asyncio.gather(*map(send, [Load(port, logins, LOGINS), *asked]))
    say(f"   {found[0].statuses}   " + "   ".join(f"p50 {one.ms(0.5):.0f} p99 {one.ms(0.99):.0f}" for one in found))
    return found
