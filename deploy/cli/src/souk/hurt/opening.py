"""The stage is set: a fleet from nothing at a hurried tempo, a furnished shop, a crowd before its doors."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2

from souk.client import Client
from souk.environment import admin_of
from souk.fleet import Fleet, Unit
from souk.home import Home
from souk.hurt.customers import Customer
from souk.hurt.dial import Dial
from souk.hurt.stage import Stage
from souk.hurt.workload import Crowd
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.seed import SELLER, seed

# Polls, back-off and expiry in seconds instead of minutes; leases short enough to end within one drain. Pace and expiry
# may be given otherwise, for a round at true length.
TEMPO: Final = {
    "SOUK_PACE": "20",
    "ORDER_EXPIRES_AFTER": "24s",
    "HANDLER_LIMIT": "2s",
    "PROVIDER_TIMEOUT": "2s",
    "ARGON2_PROFILE": "light",
    "LOG_LEVEL": "WARNING",
}
_GIVEN_OTHERWISE: Final = ("SOUK_PACE", "ORDER_EXPIRES_AFTER")


@asynccontextmanager
async def open_stage(
    home: Home, given: Mapping[str, str], dice: random.Random, units: Iterable[Unit] = (), *, envoy: bool = False
) -> AsyncIterator[Stage]:
    """Start a fleet, furnish the shop, and let people come once the doors are open; end it all afterwards.

    With `envoy` they come through the gateway of a deployment.
    """
    PostgresServer(home.postgres).erase()
    home.erase()
    home.open()
    environ = {**given, **TEMPO, **{name: given[name] for name in _GIVEN_OTHERWISE if given.get(name)}}
    fleet = Fleet(home, environ, port=free_port(), units=units)
    fleet.envoy = envoy
    limits = httpx2.Limits(max_connections=700, max_keepalive_connections=200)
    async with httpx2.AsyncClient(timeout=30, limits=limits, trust_env=False) as http:
        try:
            await asyncio.to_thread(fleet.start)
            where, guest, admin = fleet.where, Client(http, fleet.where.public), admin_of(home, environ)
            await seed(guest, admin)
            crowd = Crowd(http, (where.public, where.sandbox), admin, dice)
            seller = Customer(http, where.public, *SELLER[1:])
            await seller.sign_in()
            await crowd.prepare(seller)
            arriving = asyncio.create_task(crowd.arrive())
            yield Stage(fleet, crowd, Dial(http, where.sandbox), http, seller, dice, float(environ["SOUK_PACE"]))
            arriving.cancel()
        finally:
            await asyncio.to_thread(fleet.stop)
