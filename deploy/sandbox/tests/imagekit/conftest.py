"""The official ImageKit SDK against a real sandbox, browsers that upload by a token, and readers of the CDN."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import imagekitio
import jwt
import pytest
from PIL import ExifTags, Image

PUBLIC, PRIVATE = "public_of_the_shop", "private_of_the_shop_and_long_enough_for_anybody"
SECRET = "whsec_test_secret"
FOLDER = "/souk/0197/asset"


def picture(size: tuple[int, int] = (300, 200), kind: str = "PNG", **options: Any) -> bytes:
    """An image: its left half is red, its right half is blue. With `noise`, `gps` or `orientation` it is more."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    if options.pop("noise", False):
        image = Image.effect_noise(size, 80).convert("RGB")
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif[ExifTags.Base.Orientation] = options.pop("orientation", 1)
    if options.pop("gps", False):
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.5)
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def seen(answer: httpx2.Response) -> Image.Image:
    """The image in an answer, whole."""
    assert answer.status_code == 200, (answer.status_code, answer.headers)
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


@dataclass
class Gallery:
    """What a shop, its sellers and its visitors do with ImageKit."""

    world: Any
    sdk: imagekitio.AsyncImageKit
    keys: tuple[str, str] = (PUBLIC, PRIVATE)
    picture = staticmethod(picture)
    seen = staticmethod(seen)

    @property
    def base(self) -> str:
        return f"{self.world.url}/sandbox/imagekit"

    @property
    def endpoint(self) -> str:
        return f"{self.base}/cdn/souk"

    def fields(self, **changes: str | None) -> dict[str, str]:
        """What the shop has a browser send; a change of None leaves a field out."""
        usual = {
            "fileName": "lamp.png",
            "folder": FOLDER,
            "useUniqueFileName": "false",
            "overwriteFile": "false",
            "isPrivateFile": "true",
        }
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, fields: dict[str, Any], key: str = PRIVATE, kid: str = PUBLIC, **claims: Any) -> str:
        """A JWT that signs the fields; a claim of None is left out."""
        at = int(time.time())
        said = fields | {"iat": at, "exp": at + 600, "jti": str(uuid.uuid4())} | claims
        return jwt.encode({k: v for k, v in said.items() if v is not None}, key, "HS256", headers={"kid": kid})

    async def post(self, fields: dict[str, str], file: bytes | str | None = None, api: str = "v2") -> httpx2.Response:
        """A browser's form."""
        content = picture() if file is None else file
        part = ("whatever.bin", content) if isinstance(content, bytes) else (None, content)
        return await self.world.http.post(f"{self.base}/api/{api}/files/upload", data=fields, files={"file": part})

    async def browse(self, file: bytes | str | None = None, **changes: str | None) -> httpx2.Response:
        """A browser's upload by a good token."""
        fields = self.fields(**changes)
        return await self.post(fields | {"token": self.token(fields)}, file)

    async def uploaded(self, file: bytes | None = None, **changes: str | None) -> Any:
        answer = await self.browse(file, **changes)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def url(self, file: Any, *steps: Any, **options: Any) -> str:
        """A URL as the SDK makes it."""
        path = file["filePath"]
        url = await self.sdk.helper.build_url(
            src=path, url_endpoint=self.endpoint, transformation=list(steps), **({"signed": True} | options)
        )
        return str(url)

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        return await self.world.http.get(url, headers=headers)

    async def shown(self, file: Any, *steps: Any, **options: Any) -> Image.Image:
        return seen(await self.get(await self.url(file, *steps, **options)))

    async def truth(self) -> Any:
        return (await self.world.http.get("/sandbox/truth")).json()["imagekit"]

    def told(self) -> list[str]:
        return [event["type"] for event in self.world.shop.events]


@pytest.fixture
def open_gallery(start_world: Any, street: Any) -> Callable[..., Any]:
    """To open a gallery over a state file by hand, or twice over the same one."""

    def opened(state: Path, **changes: Any) -> Any:
        given = {
            "webhook_targets": {"imagekit": f"{street.url}/hook"},
            "webhook_secrets": {"imagekit": SECRET},
            "api_keys": {"imagekit": f"{PUBLIC}:{PRIVATE}"},
        }
        return start_world(state, **(given | changes))

    return opened


@pytest.fixture(scope="session")
async def connections() -> AsyncIterator[httpx2.AsyncClient]:
    async with imagekitio.DefaultAsyncHttpxClient(trust_env=False) as client:
        yield client


@pytest.fixture
def galleries(connections: httpx2.AsyncClient) -> Callable[..., Gallery]:
    def made(world: Any, key: str = PRIVATE) -> Gallery:
        options = {"timeout": 5, "max_retries": 0, "webhook_secret": SECRET, "http_client": connections}
        sdk = imagekitio.AsyncImageKit(private_key=key, base_url=f"{world.url}/sandbox/imagekit", **options)
        return Gallery(world, sdk)

    return made


@pytest.fixture
async def gallery(tmp_path: Path, open_gallery: Any, galleries: Any) -> AsyncIterator[Gallery]:
    async with open_gallery(tmp_path / "sandbox.db") as world:
        yield galleries(world)
