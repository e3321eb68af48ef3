"""The scene of the demo about a photograph: from the seller's browser to the buyer's download, and back."""

import io
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import imagekitio
from PIL import Image, ImageDraw

from souk.client import ApiError, Client, Json
from souk.demo.shop import Shop
from souk.demo.shopper import check, eventually
from souk.demo.stage import note
from souk.seed import SELLER

_SIDE: Final = (1600, 1200)
_UPLOAD: Final = "/api/v2/files/upload"  # of ImageKit's API, which its SDK adds by itself
# What a thief might write into the form instead.
_OTHERWISE: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("folder", {"folder": "/souk/somebody-else"}),
    ("name", {"file_name": "logo.jpg"}),
    ("privacy", {"is_private_file": False}),
)


async def photograph(shop: Shop) -> None:
    """Uploaded by a token for this file alone, shown with a watermark, sold, downloaded, given back."""
    shop.scene("A photograph: uploaded, shown with a watermark, sold, downloaded and given back")
    seller = await shop.guest.login(*SELLER[1:])
    picture = _draw()
    ticket = await _token(seller, picture)
    for what, changes in _OTHERWISE:
        check(not await _upload(ticket, picture, **changes), f"the token let another {what} pass")
    check(not await _upload(ticket, picture + b"more"), "the token let another size pass")
    check(not await _upload(ticket, b"%PDF-1.7" + picture[8:]), "the token let another type pass")
    ticket = await _token(seller, picture)
    file_id = await _upload(ticket, picture)
    check(bool(file_id), "the upload was refused")
    note(f"uploaded {len(picture):,} bytes; another folder, name, size or type was refused")
    check(not await _upload(ticket, picture), "one token took two uploads")
    asset = await seller.post("/assets", {"file_id": file_id}, wait=10)
    check((asset["status"], asset["width"]) == ("ready", _SIDE[0]), f"it is not registered: {asset}")
    product = await _put_up(seller, asset)
    await _look_at(shop, product, picture)
    await _buy_and_give_back(shop, product, picture)


def _draw() -> bytes:
    picture = Image.effect_noise(_SIDE, 60).convert("RGB")
    ImageDraw.Draw(picture).ellipse((500, 300, 1100, 900), fill=(220, 160, 60))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


async def _token(seller: Client, picture: bytes) -> Json:
    told = {"name": "Dune.jpg", "content_type": "image/jpeg", "size": len(picture)}
    return await seller.post("/uploads/token", told)


async def _upload(ticket: Json, picture: bytes, **changes: Any) -> str:  # noqa: ANN401 - what the SDK takes
    """Upload as the seller's page does, by ImageKit's own SDK where ImageKit keeps the files; empty where refused."""
    form = ticket["upload"]
    if not urlsplit(form["url"]).path.endswith(_UPLOAD):
        return await _send(form, picture, changes)
    fields = form["fields"]
    given = {
        "file_name": fields["fileName"],
        "folder": fields["folder"],
        "use_unique_file_name": fields["useUniqueFileName"] == "true",
        "overwrite_file": fields["overwriteFile"] == "true",
        "is_private_file": fields["isPrivateFile"] == "true",
        "checks": fields["checks"],
        "token": fields["token"],
        **changes,
    }
    base = form["url"].removesuffix(_UPLOAD)
    # A page has no private key; the token stands for it.
    headers = {"Authorization": imagekitio.Omit()}
    async with imagekitio.AsyncImageKit(private_key="", base_url=base, max_retries=0) as sdk:
        try:
            told = await sdk.beta.v2.files.upload(
                file=(fields["fileName"], picture, "image/jpeg"), extra_headers=headers, **given
            )
        except imagekitio.APIStatusError:
            return ""
    return str(told.file_id)


async def _send(form: Json, picture: bytes, changes: Mapping[str, Any]) -> str:
    fields = form["fields"] | {name: str(value) for name, value in changes.items()}
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.request(
            form["method"], form["url"], data=fields, files={"file": ("Dune.jpg", picture, "image/jpeg")}
        )
    return str(answer.json()["file_id"]) if answer.is_success else ""


async def _put_up(seller: Client, asset: Json) -> Json:
    product = await seller.post(
        "/products",
        {
            "kind": "digital",
            "name": "A dune",
            "price": {"amount": 3900, "currency": "USD"},
            "files": [asset["id"]],
            "licence": "For use in one publication, in print or online.",
            "download_limit": 2,
            "download_days": 30,
        },
    )
    note(f"put up as {product['slug']}, shown by {len(product['images'])} picture of it")
    return product


async def _look_at(shop: Shop, product: Json, picture: bytes) -> None:
    """The preview is a smaller picture with a mark on it; the original is not to be had."""
    shown = await shop.http.get(product["images"][0])
    check(shown.status_code == HTTPStatus.OK, f"the preview answers {shown.status_code}")
    preview = Image.open(io.BytesIO(shown.content))
    check(preview.width < _SIDE[0] and shown.content != picture, "the preview is the original")
    bare = await shop.http.get(product["images"][0].partition("?")[0])
    check(bare.content != picture, "the original is there for everybody")
    note(f"preview {preview.width} × {preview.height}, watermarked; the original is private")


async def _buy_and_give_back(shop: Shop, product: Json, picture: bytes) -> None:
    order = await shop.shopper.order((product, 1))
    await shop.shopper.tills.card(order)
    order = await shop.shopper.until(order, "fulfilled")
    customer = shop.shopper.client
    items = (await customer.get("/downloads"))["items"]
    (download,) = (item for item in items if item["order_id"] == order["id"])
    link = await customer.post(f"/downloads/{download['id']}/url", {})
    check((await shop.http.get(link["url"])).content == picture, "what is downloaded is not what was sold")
    note(f"downloaded the original by an address of 60 seconds; {link['downloads_left']} download left")
    await shop.admin.post(f"/orders/{order['id']}/refunds", {"reason": "not what the buyer meant"})
    await shop.shopper.until(order, "refunded")

    async def look() -> Json:
        try:
            await customer.post(f"/downloads/{download['id']}/url", {})
        except ApiError as error:
            return {"status": error.problem.get("code", "")}
        return {"status": "a new address"}

    await eventually(look, lambda seen: seen["status"] == "download_revoked", "the download is not revoked")
    note("the money went back, and with it the right to download")
