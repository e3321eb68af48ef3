"""Catalog with a store of each kind: the sandbox's ImageKit, a bucket of moto's, a folder."""

import asyncio
import io
import socket
import struct
import subprocess
import sys
import time
import zlib
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from PIL import Image

from catalog.main import MIGRATIONS, build
from common.db import fetch
from common.events import new_id
from common.migrations import migrate
from common.testing import bearer, one_service
from sandbox.main import Sandbox, SandboxSettings

PUBLIC, PRIVATE = "public_of_the_test", "private_of_the_test_which_is_long_enough"
SECRET = "whsec_of_the_test"
STORES = ("local", "imagekit", "s3")


def photo(size=(1600, 1200), kind="JPEG", colour="teal", **options):
    """An image with a place in it."""
    exif = Image.Exif()
    exif[0x010F] = "Camera of Carla"
    exif.get_ifd(0x8825)[1] = "N"
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind, exif=exif, **options)
    return file.getvalue()


def bomb(width=50_000, height=50_000):
    """A few bytes that say they are a PNG of 2.5 thousand million pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


class Street:
    """One server for all tests: the sandbox of the moment, or whoever stands in for it, and a letterbox."""

    def __init__(self):
        self.url, self.sandbox, self.letters = "", None, []

    async def __call__(self, scope, receive, send):
        if scope["path"].startswith("/sandbox"):
            await self.sandbox({**scope, "root_path": "/sandbox"}, receive, send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        self.letters.append(({name.decode(): value.decode() for name, value in scope["headers"]}, body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest_asyncio.fixture(scope="session")
async def street():
    made, listener = Street(), socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(made, lifespan="off", log_level="error", timeout_graceful_shutdown=1, date_header=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield made
    server.should_exit = True
    await task
    listener.close()


@pytest.fixture(scope="session")
def s3():
    """The address of moto's S3, which has a bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url, latest = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        with httpx2.Client(trust_env=False) as http:
            while True:
                try:
                    http.put(f"{url}/files").raise_for_status()
                    break
                except httpx2.TransportError:
                    assert time.monotonic() < latest
                    time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


class Gallery:
    """A seller who uploads as a browser does, and everybody who looks."""

    def __init__(self, one, http, street):
        self.one, self.client, self.http, self.street, self.seller = one, one.client, http, street, new_id()

    @property
    def headers(self):
        return bearer(self.seller, "seller")

    async def sql(self, sql, *args):
        async with self.one.database.transaction() as session:
            return [dict(row) for row in await fetch(session, sql, *args)]

    async def token(self, content, kind="image/jpeg", name="Dune.jpg", **more):
        body = {"name": name, "content_type": kind, "size": len(content)} | more
        return await self.client.post("/uploads/token", json=body, headers=self.headers)

    async def ticket(self, content, kind="image/jpeg", name="Dune.jpg"):
        answer = await self.token(content, kind, name)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def send(self, ticket, content, kind="image/jpeg", **changes):
        """Upload, perhaps with other fields than those of the token."""
        form = ticket["upload"]
        fields = {name: value for name, value in (form["fields"] | changes).items() if value is not None}
        return await self.fetch(form["url"], form["method"], data=fields, files={"file": ("x", content, kind)})

    async def fetch(self, url, method="GET", **options):
        """Ask an address, our own or a store's."""
        ours = urlsplit(url).path.startswith("/api/v1/")
        return await (self.client if ours else self.http).request(method, url, **options)

    async def register(self, headers=None, wait=10, **named):
        """Register, and let the loops work until the store has said what it has to say."""
        headers = {**(headers or self.headers), "Prefer": f"wait={wait}"}
        asking = asyncio.create_task(self.client.post("/assets", json=named, headers=headers))
        while not asking.done():
            await self.one.work_loops("checking assets")
            await asyncio.sleep(0.01)
        return await asking

    async def asset(self, content=None, kind="image/jpeg", name="Dune.jpg"):
        """An asset that is ready."""
        content = photo() if content is None else content
        ticket = await self.ticket(content, kind, name)
        sent = await self.send(ticket, content, kind)
        assert sent.is_success, sent.text
        answer = await self.register(asset_id=ticket["asset_id"])
        assert (answer.status_code, answer.json().get("status")) == (201, "ready"), answer.text
        return answer.json()

    async def show(self, asset_id, **options):
        return (await self.client.get(f"/assets/{asset_id}", headers=self.headers, **options)).json()

    async def listed(self, status):
        return (await self.client.get(f"/assets?status={status}", headers=self.headers)).json()["items"]

    async def product(self, **more):
        body = {"kind": "digital", "name": "A dune", "price": {"amount": 900, "currency": "USD"}, **more}
        answer = await self.client.post("/products", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def due(self):
        """Let the time come for everything that loops wait for; tokens end, too."""
        await self.sql(
            "UPDATE assets SET due_at = now(), leased_until = NULL, expires_at = expires_at - interval '1 hour'"
            " WHERE due_at IS NOT NULL"
        )
        await self.one.work_loops("tidying assets")

    async def sell(self, order, *products):
        """An order of these products, paid; its buyer's downloads."""
        bought = order(*((product, 1) for product in products))
        await self.one.hear(bought.created(), bought.paid())
        return bought, await self.downloads(bought.user)

    async def downloads(self, user, **params):
        return (await self.client.get("/downloads", headers=bearer(user), params=params)).json()["items"]

    async def link(self, user, download, **body):
        return await self.client.post(f"/downloads/{download['id']}/url", json=body, headers=bearer(user))

    @asynccontextmanager
    async def instead(self, app):
        """Have this app answer in place of the sandbox."""
        before, self.street.sandbox = self.street.sandbox, app
        yield
        self.street.sandbox = before


async def migrated(url):
    await migrate(url, MIGRATIONS)


@pytest_asyncio.fixture
async def make_gallery(make_database, street, tmp_path, request):
    """`await make_gallery("local", UPLOAD_TOKEN_TTL="1s")`: catalog with this store."""
    http = httpx2.AsyncClient(timeout=10, trust_env=False)
    galleries, sandboxes = [], []

    async def environ(store):
        if store == "local":
            return {"ASSET_DIR": str(tmp_path / "assets")}
        if store == "s3":
            keys = {"S3_ACCESS_KEY_ID": "AKIAOFTHETEST", "S3_SECRET_ACCESS_KEY": "secret"}
            return keys | {"S3_BUCKET": "files", "S3_ENDPOINT": request.getfixturevalue("s3")}
        sandbox = Sandbox(
            SandboxSettings(
                state_file=tmp_path / "sandbox.db",
                api_keys={"imagekit": f"{PUBLIC}:{PRIVATE}"},
                webhook_targets={"imagekit": f"{street.url}/letters"},
                webhook_secrets={"imagekit": SECRET},
                public_url=f"{street.url}/sandbox",
            )
        )
        await sandbox.start()
        sandboxes.append(sandbox)
        street.sandbox, street.letters = sandbox.app, []
        base = f"{street.url}/sandbox/imagekit"
        return {
            "IMAGEKIT_PRIVATE_KEY": PRIVATE,
            "IMAGEKIT_PUBLIC_KEY": PUBLIC,
            "IMAGEKIT_WEBHOOK_SECRET": SECRET,
            "IMAGEKIT_API_BASE": base,
            "IMAGEKIT_URL_ENDPOINT": f"{base}/cdn/souk",
        }

    async def make(store="local", **given):
        url = await make_database("catalog", template="catalog", prepare=migrated)
        one = await one_service(build, MIGRATIONS, url, {"ASSET_STORE": store, **await environ(store), **given})
        galleries.append(Gallery(one, http, street))
        return galleries[-1]

    yield make
    for gallery in galleries:
        await gallery.one.close()
    for sandbox in sandboxes:
        await sandbox.stop()
    await http.aclose()


@pytest_asyncio.fixture(params=STORES)
async def gallery(make_gallery, request):
    """A gallery with each kind of store in turn."""
    return await make_gallery(request.param)


@pytest_asyncio.fixture
async def local(make_gallery):
    return await make_gallery("local")


@pytest_asyncio.fixture
async def imagekit(make_gallery):
    return await make_gallery("imagekit")
