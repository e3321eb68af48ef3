"""The durable PostgreSQL and the RabbitMQ that everything here is measured on, and the processes beside them."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from common.db import plain_dsn
from common.migrations import machinery_tables
from common.testing import signing_key
from souk.databases import prepare_databases
from souk.environment import Addresses, environment
from souk.home import Home
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.machines.processes import Process
from souk.machines.rabbitmq import RabbitServer

ROOT = Path(__file__).parents[1]


class Machines:
    """A database server with fsync on and a broker, in a folder of their own; each starts when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder).open()
        self._postgres = PostgresServer(self.home.postgres)
        self._rabbitmq = RabbitServer(self.home.rabbitmq)
        self._rabbitmq_runs = self._migrated = False

    @property
    def postgres(self) -> PostgresServer:
        return self._postgres.start()

    @property
    def rabbitmq(self) -> RabbitServer:
        if not self._rabbitmq_runs:
            self._rabbitmq.start()
            self._rabbitmq_runs = True
        return self._rabbitmq

    async def sql(self, database: str, statement: str, *args: object) -> Any:
        """Run a statement and return its rows."""
        connection = await asyncpg.connect(plain_dsn(self.postgres.url(database)))
        try:
            return await connection.fetch(statement, *args)
        finally:
            await connection.close()

    async def machinery(self, name: str, *extra: str) -> str:
        """Make a database with the machinery's tables and some more; return its address."""
        await self.sql("postgres", f'CREATE DATABASE "{name}"')
        for statement in (*machinery_tables(), *extra):
            await self.sql(name, statement)
        return self.postgres.url(name)

    async def services(self) -> None:
        """Make and migrate the services' databases, and give each the key that signs the tokens of `bearer`."""
        if self._migrated:
            return
        await prepare_databases(self.postgres)
        keys = orjson.dumps({"keys": [signing_key()]}).decode()
        for service in ("orders", "catalog", "payments"):
            await self.sql(f"souk_{service}", "INSERT INTO jwks_cache (id, jwks) VALUES (1, $1)", keys)
        self._migrated = True

    @contextmanager
    def api(self, service: str, given: Mapping[str, str] = {}) -> Iterator[int]:
        """Run a service's api process while the block runs; give its port."""
        with self.api_process(service, given) as (port, _):
            yield port

    @contextmanager
    def api_process(self, service: str, given: Mapping[str, str] = {}) -> Iterator[tuple[int, Process]]:
        """Run a service's api process while the block runs; give its port and itself."""
        port, internal = free_port(), free_port()
        # Nobody answers at this address: the keys are in the database already.
        where = Addresses(port, self.postgres.url, free_port(), free_port(), "amqp://nobody@127.0.0.1:9/")
        env = environment(service, {**given, "SOUK_ROLE": "api", "INTERNAL_PORT": str(internal)}, self.home, where)
        ready = f"http://127.0.0.1:{internal}/{service}/health/ready"
        with self.process(service, ["-m", f"{service}.main"], env, ready) as process:
            yield port, process

    @contextmanager
    def floor(self, module: str, database: str) -> Iterator[int]:
        """Run a bare application of `bench.floors` under uvicorn while the block runs; give its port."""
        port = free_port()
        uvicorn = ["-m", "uvicorn", f"bench.floors.{module}:app", "--port", str(port), "--loop", "uvloop"]
        options = ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
        env = {"FLOOR_DATABASE": self.postgres.url(database)}
        with self.process(module, [*uvicorn, *options], env, f"http://127.0.0.1:{port}/ready"):
            yield port

    @contextmanager
    def process(self, name: str, command: list[str], env: Mapping[str, str], ready: str | None) -> Iterator[Process]:
        """Run a Python program while the block runs."""
        environ = {**{k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}, **env}
        log = self.home.logs / f"{name}.log"
        process = Process([sys.executable, *command], log, env=environ, cwd=ROOT, ready=ready, name=name)
        process.start()
        try:
            process.wait_ready(60)
            yield process
        finally:
            process.stop(20)

    def stop(self) -> None:
        """Stop what runs."""
        if self._rabbitmq_runs:
            self._rabbitmq.stop()
        self._postgres.stop()


@contextmanager
def machines() -> Iterator[Machines]:
    """Give machines in a fresh folder, and delete it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="souk-bench-"))
    made = Machines(folder)
    try:
        yield made
    finally:
        made.stop()
        PostgresServer(made.home.postgres).erase()
        shutil.rmtree(folder, ignore_errors=True)


async def versions(running: Machines) -> dict[str, str]:
    """Return the versions of the two machines, as far as they run."""
    overview = running.rabbitmq.management.call("GET", "overview")
    postgres = await running.sql("postgres", "SHOW server_version")
    return {"rabbitmq": str(overview["rabbitmq_version"]), "postgresql": str(postgres[0][0])}
