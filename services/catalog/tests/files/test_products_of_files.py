"""Products that are files: what buyers get, and what everybody sees of it."""

from common.events import new_id
from common.testing import bearer

from .conftest import photo

SMALL = photo((60, 40))


async def put_up(gallery, **more):
    body = {"kind": "digital", "name": "A dune", "price": {"amount": 900, "currency": "USD"}, **more}
    return await gallery.client.post("/products", json=body, headers=gallery.headers)


async def test_the_pictures_of_its_files_are_those_of_a_product(local):
    first, second = await local.asset(SMALL), await local.asset(photo((70, 40)))
    guide = await local.asset(b"%PDF-1.7" + b"0" * 99, "application/pdf", "Guide.pdf")
    product = await local.product(files=[guide["id"], first["id"], second["id"]])
    assert [file["name"] for file in product["files"]] == ["Guide.pdf", "Dune.jpg", "Dune.jpg"]
    assert product["files"][1]["width"] == 60
    assert product["images"] == [first["preview_url"], second["preview_url"]]
    assert product["thumbnail"] == first["thumbnail_url"]
    (told,) = await local.one.told("product.created")
    assert told.data["images"] == product["images"]
    shown = (await local.client.get(f"/products/{product['slug']}")).json()
    assert (shown["files"], shown["thumbnail"]) == (product["files"], product["thumbnail"])


async def test_images_are_addresses_or_assets(local):
    asset = await local.asset(SMALL)
    address = "https://images.example/a.jpg"
    product = await local.product(images=[address, asset["id"]])
    assert (product["images"], product["thumbnail"], product["files"]) == ([address, asset["preview_url"]], address, [])
    change = {"images": [asset["id"], address]}
    changed = await local.client.patch(f"/products/{product['id']}", json=change, headers=local.headers)
    assert changed.json()["images"] == [asset["preview_url"], address]
    assert changed.json()["thumbnail"] == asset["thumbnail_url"]
    same = {"images": changed.json()["images"]}
    again = await local.client.patch(f"/products/{product['id']}", json=same, headers=local.headers)
    assert (again.json()["version"], again.json()["thumbnail"]) == (changed.json()["version"], asset["thumbnail_url"])


async def test_files_that_come_later_bring_their_pictures_where_there_are_none(local):
    asset = await local.asset(SMALL)
    bare, shown = await local.product(), await local.product(images=["https://images.example/a.jpg"])
    for product, images in ((bare, [asset["preview_url"]]), (shown, ["https://images.example/a.jpg"])):
        change = {"files": [asset["id"]]}
        answer = await local.client.patch(f"/products/{product['id']}", json=change, headers=local.headers)
        assert (answer.json()["images"], len(answer.json()["files"])) == (images, 1)
    gone = await local.client.patch(f"/products/{bare['id']}", json={"files": []}, headers=local.headers)
    assert gone.json()["files"] == []


async def test_b67_only_the_sellers_own_assets_that_are_ready_are_sold(local):
    asset = await local.asset(SMALL)
    issued = (await local.ticket(SMALL))["asset_id"]
    pdf = await local.asset(b"%PDF-1.7" + b"0" * 99, "application/pdf", "a.pdf")
    for fields in ({"files": [issued]}, {"files": [str(new_id())]}, {"images": [issued]}, {"images": [pdf["id"]]}):
        answer = await put_up(local, **fields)
        assert (answer.status_code, answer.json()["code"]) == (422, "asset_not_ready")
    mine, local.seller = local.seller, new_id()
    for fields in ({"files": [asset["id"]]}, {"images": [asset["id"]]}):
        answer = await put_up(local, **fields)
        assert (answer.status_code, answer.json()["assets"]) == (422, [asset["id"]])
    local.seller = mine
    product = await local.product()
    admin = bearer(new_id(), "admin")
    change = await local.client.patch(f"/products/{product['id']}", json={"files": [asset["id"]]}, headers=admin)
    assert change.status_code == 200
    repeated = await put_up(local, files=[asset["id"]] * 2)
    assert repeated.status_code == 422


async def test_a_file_that_is_sold_or_shown_or_bought_cannot_be_deleted(local, order):
    shown, given = await local.asset(SMALL), await local.asset(photo((70, 40)))

    async def delete(asset):
        return (await local.client.delete(f"/assets/{asset['id']}", headers=local.headers)).status_code

    product = await local.product(images=[shown["id"]], files=[given["id"]])
    assert (await delete(shown), await delete(given)) == (409, 409)
    await local.sell(order, product)
    change = {"images": ["https://images.example/a.jpg"], "files": []}
    await local.client.patch(f"/products/{product['id']}", json=change, headers=local.headers)
    assert (await delete(shown), await delete(given)) == (204, 409)
