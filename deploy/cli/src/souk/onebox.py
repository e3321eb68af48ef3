"""The whole system in one process: every service, the in-process wire, an embedded PostgreSQL, the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import httpx2
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from common.broker import InProcessWire
from common.serve import serving
from common.service import Service
from sandbox.main import Sandbox, SandboxSettings
from souk.client import Client
from souk.databases import prepare_databases
from souk.environment import (
    Addresses,
    admin_of,
    environment,
    redeliveries,
    sandbox_keys,
    webhook_secrets,
    webhook_targets,
)
from souk.gateway import Dispatcher, Gate
from souk.home import SERVICES, Home
from souk.machines.postgres import PostgresServer
from souk.operator import documents_app, health_app
from souk.seed import seed
from souk.services import BUILDERS

Say = Callable[[str], None]


@asynccontextmanager
async def one_process(home: Home, given: Mapping[str, str], port: int, say: Say) -> AsyncIterator[Addresses]:
    """Run everything while the block runs; state stays in the home folder. Raises BadSetting with a sentence."""
    server = PostgresServer(home.postgres)
    say("starting PostgreSQL")
    await asyncio.to_thread(server.start)
    try:
        say("migrating the databases")
        await prepare_databases(server)
        async with _sandbox(home, given, port) as sandbox:
            where = Addresses(port, partial(server.url), sandbox_port=port, smtp_port=sandbox.smtp_port)
            services = _build(home, given, where)
            mounts: dict[str, ASGIApp] = {
                "/sandbox": Router(routes=[Mount("/sandbox", app=sandbox.app)]),
                "/api/docs": documents_app(),
                "/api/v1/health": health_app(services),
            }
            gate = Gate(Dispatcher({service.name: service.app for service in services}, mounts))
            say("starting the services")
            async with serving(services, gate, services[0].settings):
                await _until_ready(services)
                await _furnish(gate.inside, home, given, say)
                gate.open = True
                yield where
    finally:
        await asyncio.to_thread(server.stop)


async def _furnish(inside: ASGIApp, home: Home, given: Mapping[str, str], say: Say) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(inside), base_url="http://souk", timeout=30) as http:
        if await seed(Client(http, ""), admin_of(home, given)):
            say("furnished the demo shop")


def _build(home: Home, given: Mapping[str, str], where: Addresses) -> list[Service]:
    wire = InProcessWire()
    services = [BUILDERS[name](environment(name, given, home, where), wire) for name in SERVICES]
    for service in services:
        wire.bind(service.name, service.events.types)
    return services


@asynccontextmanager
async def _sandbox(home: Home, given: Mapping[str, str], port: int) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(
        SandboxSettings(
            state_file=home.sandbox,
            webhook_targets=webhook_targets(port),
            webhook_secrets=webhook_secrets(given, home),
            api_keys=sandbox_keys(given, home),
            webhook_retry_delays=redeliveries(given),
            public_url=f"http://127.0.0.1:{port}",
        )
    )
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


async def _until_ready(services: list[Service]) -> None:
    async with asyncio.timeout(30):
        while any(service.problems() for service in services):  # noqa: ASYNC110 - readiness sets no event
            await asyncio.sleep(0.02)
