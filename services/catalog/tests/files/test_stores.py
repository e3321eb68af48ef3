"""What every store must do, tried on each: ImageKit (its stand-in), a bucket, a folder."""

import asyncio
import io

import pytest
from PIL import Image
from sqlalchemy import select

from catalog.models import Asset

from .conftest import STORES, bomb, photo

PDF = b"%PDF-1.7\n" + b"0" * 4000


def seen(answer):
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


async def test_a_file_goes_from_the_token_to_the_shelf(gallery):
    content = photo()
    ticket = await gallery.ticket(content, name="../Düne 1.svg.jpg")
    assert ticket["upload"]["method"] == "POST"
    sent = await gallery.send(ticket, content)
    assert sent.is_success, sent.text
    answer = await gallery.register(asset_id=ticket["asset_id"])
    asset = answer.json()
    assert (answer.status_code, asset["status"], asset["reason"]) == (201, "ready", None)
    assert answer.headers["Location"] == f"/api/v1/assets/{asset['id']}"
    assert (asset["name"], asset["content_type"], asset["size"]) == ("../Düne 1.svg.jpg", "image/jpeg", len(content))
    assert (asset["width"], asset["height"], asset["owner_id"]) == (1600, 1200, str(gallery.seller))
    (told,) = await gallery.one.told("asset.registered")
    assert (told.data["asset_id"], told.data["width"]) == (asset["id"], 1600)
    (row,) = await gallery.sql("SELECT key, due_at FROM assets")
    assert row["key"].startswith(f"souk/{gallery.seller}/{asset['id']}/dune-1-svg-")
    assert row["due_at"] is None
    again = await gallery.register(asset_id=asset["id"])
    assert (again.status_code, again.json()) == (201, asset)
    assert len(await gallery.one.told("asset.registered")) == 1


async def test_everybody_sees_previews_with_a_mark_and_without_what_the_camera_wrote(gallery):
    content = photo()
    asset = await gallery.asset(content)
    preview = seen(await gallery.fetch(asset["preview_url"]))
    thumbnail = seen(await gallery.fetch(asset["thumbnail_url"]))
    assert max(preview.size) == 1200
    assert max(thumbnail.size) <= 400
    for picture in (preview, thumbnail):
        assert dict(picture.getexif()) == {}
        middle = picture.convert("RGB").crop([side // 4 * part for part in (1, 3) for side in picture.size])
        assert len(middle.getcolors(1 << 20) or []) > 8, "nothing is written on it"


async def test_nobody_sees_an_original_without_a_link(gallery):
    asset = await gallery.asset()
    bare = asset["preview_url"].partition("?")[0]
    if "/api/v1/files/" in bare:
        bare = bare.rpartition("/previews")[0] + f"/{asset['id']}"
    assert (await gallery.fetch(bare)).status_code in {401, 403, 404, 422}


@pytest.mark.parametrize("store", STORES)
async def test_a_link_gives_the_original_for_a_while_and_then_nothing(make_gallery, store, order):
    gallery = await make_gallery(store, DOWNLOAD_URL_TTL="1s")
    content = photo(kind="PNG")
    asset = await gallery.asset(content, "image/png", "Düne.png")
    product = await gallery.product(files=[asset["id"]])
    bought, (download,) = await gallery.sell(order, product)
    answer = await gallery.link(bought.user, download)
    assert answer.status_code == 200, answer.text
    fetched = await gallery.fetch(answer.json()["url"])
    assert (fetched.status_code, fetched.content) == (200, content)
    assert "attachment" in fetched.headers["content-disposition"]
    await asyncio.sleep(2.1)
    late = await gallery.fetch(answer.json()["url"])
    if store != "s3":  # moto does not look at the time
        assert late.status_code in {401, 403}


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (photo((60, 40)), "image/png", "other_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/png", "type_not_allowed"),
        (b"<!doctype html><script>alert(1)</script>", "application/pdf", "type_not_allowed"),
        (b"MZ\x90\x00" + b"\0" * 500, "application/zip", "type_not_allowed"),
        (bomb(), "image/png", "too_many_pixels"),
        (photo((60, 40), "PNG")[:40], "image/png", "unreadable"),
    ],
    ids=["another image", "svg", "html", "exe", "bomb", "broken"],
)
async def test_b66_what_is_not_as_announced_is_refused_and_its_file_deleted(gallery, content, kind, reason):
    ticket = await gallery.ticket(content, kind, "x")
    sent = await gallery.send(ticket, content, kind)
    answer = await gallery.register(asset_id=ticket["asset_id"])
    if not sent.is_success:  # ImageKit has looked at it already
        assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
        return
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["reason"]) == (422, "asset_refused", reason)
    assert (await gallery.show(ticket["asset_id"]))["status"] == "refused"
    await gallery.one.work_loops("tidying assets")
    store = gallery.one.service.app.state.stores.current
    (row,) = await gallery.sql("SELECT * FROM assets")
    assert row["due_at"] is None
    assert await store.find(await filed(gallery)) is None
    assert await gallery.one.told("asset.registered") == []
    assert (await gallery.register(asset_id=ticket["asset_id"])).json()["reason"] == reason


async def filed(gallery):
    async with gallery.one.database.reading() as session:
        return (await session.scalars(select(Asset))).one().filed


async def test_what_is_no_image_is_sold_without_pictures(gallery, order):
    asset = await gallery.asset(PDF, "application/pdf", "Guide.pdf")
    assert (asset["width"], asset["preview_url"], asset["thumbnail_url"]) == (None, None, None)
    product = await gallery.product(files=[asset["id"]])
    assert product["images"] == []
    bought, (download,) = await gallery.sell(order, product)
    link = (await gallery.link(bought.user, download)).json()
    assert (await gallery.fetch(link["url"])).content == PDF


async def test_f58_an_upload_nobody_registered_is_listed_and_not_shown_and_goes_in_the_end(gallery):
    content = photo((60, 40))
    ticket = await gallery.ticket(content)
    assert (await gallery.send(ticket, content)).is_success
    await gallery.one.work_loops("tidying assets")
    assert [row["status"] for row in await gallery.sql("SELECT status FROM assets")] == ["issued"]
    await gallery.due()
    (orphan,) = await gallery.listed("orphaned")
    assert (orphan["id"], orphan["preview_url"]) == (ticket["asset_id"], None)
    body = {"kind": "digital", "name": "x", "price": {"amount": 1, "currency": "USD"}, "files": [orphan["id"]]}
    refused = await gallery.client.post("/products", json=body, headers=gallery.headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "asset_not_ready")
    await gallery.due()
    assert [asset["id"] for asset in await gallery.listed("swept")] == [orphan["id"]]
    assert await gallery.one.service.app.state.stores.current.find(await filed(gallery)) is None
    assert (await gallery.register(asset_id=orphan["id"])).status_code == 404


async def test_f58_an_orphan_may_still_be_registered(gallery):
    content = photo((60, 40))
    ticket = await gallery.ticket(content)
    await gallery.send(ticket, content)
    await gallery.due()
    assert (await gallery.register(asset_id=ticket["asset_id"])).json()["status"] == "ready"
    rows = await gallery.sql("SELECT from_status, to_status FROM asset_transitions ORDER BY version")
    moves = [(row["from_status"], row["to_status"]) for row in rows]
    assert moves == [(None, "issued"), ("issued", "orphaned"), ("orphaned", "checking"), ("checking", "ready")]


async def test_a_token_that_nobody_used_ends_as_that(gallery):
    ticket = await gallery.ticket(b"x" * 10)
    assert (await gallery.register(asset_id=ticket["asset_id"])).json()["code"] == "file_not_found"
    assert (await gallery.show(ticket["asset_id"]))["status"] == "issued"
    await gallery.due()
    assert [asset["id"] for asset in await gallery.listed("unused")] == [ticket["asset_id"]]


async def test_a_deleted_asset_is_gone_and_its_file_with_it(gallery):
    asset = await gallery.asset()
    url = f"/assets/{asset['id']}"
    kept = await filed(gallery)
    assert (await gallery.client.delete(url, headers=gallery.headers)).status_code == 204
    assert (await gallery.client.get(url, headers=gallery.headers)).status_code == 404
    assert (await gallery.client.delete(url, headers=gallery.headers)).status_code == 404
    await gallery.one.work_loops("tidying assets")
    assert await gallery.one.service.app.state.stores.current.find(kept) is None
    assert not (await gallery.fetch(asset["preview_url"])).is_success
    assert (await gallery.client.get("/assets", headers=gallery.headers)).json()["items"] == []


async def test_imagekits_files_are_fetched_where_we_reach_them_and_shown_where_browsers_do(make_gallery, street):
    shown, reached = "https://files.shop.test/souk", f"{street.url}/sandbox/imagekit/cdn/souk"
    gallery = await make_gallery("imagekit", IMAGEKIT_URL_ENDPOINT=f"{shown}/", IMAGEKIT_FETCH_ENDPOINT=f"{reached}/")
    asset = await gallery.asset()
    assert asset["preview_url"].startswith(f"{shown}/")
    preview = seen(await gallery.fetch(asset["preview_url"].replace(shown, reached)))
    assert max(preview.size) == 1200
