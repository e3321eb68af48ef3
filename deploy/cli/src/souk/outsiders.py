"""Programs of others that try the API of a system started for them: Schemathesis, and newman for the collection."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2
from rich.console import Console

from common.telemetry import log_as_json
from souk.client import Client
from souk.documents import DOCS
from souk.environment import Addresses, admin_of, of_no_system
from souk.examples import ID
from souk.home import ROOT, Home
from souk.machines.ports import free_port
from souk.machines.postgres import PostgresServer
from souk.onebox import one_process

console = Console(highlight=False)
# Many requests in a short time: what is slow on purpose is quick here.
_TEMPO: Final = {"ARGON2_PROFILE": "light", "SOUK_PACE": "10", "LOG_LEVEL": "ERROR"}
_FUZZ: Final = ROOT / "deploy" / "cli" / "fuzz"
NODE: Final = ROOT / "deploy" / "clients"


async def fuzz(home: Home, given: Mapping[str, str], options: Sequence[str]) -> int:
    """Have Schemathesis try every operation of the merged document; return 0 when it finds nothing."""
    async with _system(home, given) as where:
        email, password = admin_of(home, {})
        product_id = await _become_seller(where, email, password)
        document = home.path / "openapi.json"
        document.write_text((DOCS / "openapi.json").read_text().replace(ID, product_id))
        told = {"SOUK_URL": where.public, "SOUK_EMAIL": email, "SOUK_PASSWORD": password, "PYTHONPATH": str(_FUZZ)}
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(_FUZZ / "fuzz.toml")]
        return await _watch([*command, "run", str(document), *options], {**given, **told}, home.path)


async def newman(home: Home, given: Mapping[str, str], options: Sequence[str]) -> int:
    """Run the Postman collection; return 0 when every test of it holds."""
    async with _system(home, given) as where:
        _, password = admin_of(home, {})
        variables = {"base_url": where.public, "staff_password": password}
        told = [part for name, value in variables.items() for part in ("--env-var", f"{name}={value}")]
        program = str(NODE / "node_modules" / ".bin" / "newman")
        collection = str(DOCS / "souk.postman_collection.json")
        return await _watch([program, "run", collection, *told, *options], given)


@asynccontextmanager
async def _system(home: Home, given: Mapping[str, str]) -> AsyncIterator[Addresses]:
    PostgresServer(home.postgres).erase()
    home.erase()
    home.open().logs.mkdir()
    log_as_json("ERROR", home.logs / "souk.log")
    kept = {name: value for name, value in of_no_system(given).items() if not name.startswith("ADMIN_")}
    environ = {**kept, **_TEMPO, "INTERNAL_PORT": str(free_port())}
    async with one_process(home, environ, free_port(), lambda text: console.print(f"[dim]· {text}[/]")) as where:
        console.print(f"[dim]what the services log: {home.logs}[/]", soft_wrap=True)
        yield where


async def _become_seller(where: Addresses, email: str, password: str) -> str:
    """Let the admin sell and support as well, and return a product that the examples can be about."""
    async with httpx2.AsyncClient(timeout=30) as http:
        admin = await Client(http, where.public).login(email, password)
        me = await admin.get("/users/me")
        await admin.patch(f"/users/{me['id']}", {"roles": ["customer", "seller", "support", "admin"]})
        products = await admin.get("/products", params={"kind": "digital", "currency": "USD"})
        return str(products["items"][0]["id"])


async def _watch(command: Sequence[str], environ: Mapping[str, str], folder: Path = ROOT) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=dict(environ), cwd=folder)
    return await process.wait()
