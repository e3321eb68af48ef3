"""The demo shop's pictures: drawn here, uploaded as a seller's browser does."""

import asyncio
import hashlib
import io
from typing import Final
from urllib.parse import urlsplit

import httpx2
from PIL import Image, ImageDraw, ImageOps

from souk.client import Client, Json

_SIZE: Final = (900, 600)
_PATIENCE: Final = 15


def draw(name: str) -> bytes:
    """Return a landscape as a JPEG: the same for the same name, another for another."""
    chance = hashlib.sha256(name.encode()).digest()
    sky, ground, sun = (tuple(chance[place : place + 3]) for place in (0, 3, 6))
    picture = ImageOps.colorize(Image.linear_gradient("L").resize(_SIZE), black=sky, white=ground)
    pen, x = ImageDraw.Draw(picture), 150 + chance[9] * 2
    pen.ellipse((x, 90, x + 130, 220), fill=sun)
    for hill in range(3):
        left = chance[10 + hill] * 4 - 300
        pen.ellipse((left, 330 + 60 * hill, left + 900, 900), fill=tuple(part // (hill + 2) for part in ground))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=85)
    return written.getvalue()


async def upload(seller: Client, name: str) -> Json:
    """Draw a picture, upload it, and return the asset it has become."""
    picture = await asyncio.to_thread(draw, name)
    file = f"{name}.jpg"
    ticket = await seller.post("/uploads/token", {"name": file, "content_type": "image/jpeg", "size": len(picture)})
    form = ticket["upload"]
    sent = {"data": form["fields"], "files": {"file": (file, picture, "image/jpeg")}}
    if urlsplit(form["url"]).path.startswith("/api/v1/"):
        await seller.send(form["method"], form["url"], **sent)
    else:
        async with httpx2.AsyncClient(timeout=30) as http:
            (await http.request(form["method"], form["url"], **sent)).raise_for_status()
    return await seller.post("/assets", {"asset_id": ticket["asset_id"]}, wait=_PATIENCE)
