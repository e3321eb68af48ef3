"""Webhooks: what is told, and signed so that the SDK believes it."""

import pytest

from sandbox.imagekit.signature import webhook_headers

HOOK = {"provider": "imagekit", "target": "webhook"}


async def test_the_life_of_a_file_is_told(gallery):
    file = await gallery.uploaded()
    await gallery.uploaded(gallery.picture((10, 10)), overwriteFile="true")
    await gallery.sdk.files.update(file["fileId"], tags=["x"])
    _, old = await gallery.sdk.files.versions.list(file["fileId"])
    await gallery.sdk.files.versions.delete(old.version_info.id, file_id=file["fileId"])
    await gallery.sdk.files.delete(file["fileId"])
    await gallery.world.until(lambda: len(gallery.told()) == 5)
    by_type = {event["type"]: event for event in gallery.world.shop.events}
    assert sorted(by_type) == [
        "file-version.created", "file-version.deleted", "file.created", "file.deleted", "file.updated"
    ]  # fmt: skip
    created = by_type["file.created"]
    assert created["data"]["filePath"] == file["filePath"]
    assert (created["data"]["mime"], created["data"]["size"]) == ("image/png", len(gallery.picture()))
    assert by_type["file.deleted"]["data"] == {"fileId": file["fileId"]}
    assert {event["id"] for event in by_type.values()} == set(gallery.world.shop.ids)
    assert gallery.world.shop.forged == 0


async def test_what_is_refused_is_not_told(gallery):
    await gallery.browse(checks="'file.size' < 1")
    assert (await gallery.truth())["webhooks"] == []


async def test_the_sdk_reads_the_event(gallery):
    await gallery.uploaded()
    await gallery.world.until(lambda: bool(gallery.told()))
    event = gallery.sdk.webhooks.unsafe_unwrap(gallery.world.shop.bodies[0].decode())
    assert (event.type, event.data.name, event.data.width) == ("file.created", "lamp.png", 300)


async def test_while_a_secret_is_changed_both_sign(tmp_path, open_gallery, galleries):
    secrets = {"imagekit": "whsec_new, whsec_test_secret"}
    async with open_gallery(tmp_path / "sandbox.db", webhook_secrets=secrets) as world:
        gallery = galleries(world)
        await world.chaos({**HOOK, "mode": "wrong_secret", "count": 1})
        await gallery.uploaded()
        await world.until(lambda: len(gallery.told()) == 1)
        assert world.shop.forged == 1


@pytest.mark.parametrize("mode", ["wrong_secret", "tamper"])
async def test_forged_deliveries_do_not_verify(gallery, mode):
    await gallery.world.chaos({**HOOK, "mode": mode, "count": 1})
    await gallery.uploaded()
    await gallery.world.until(lambda: len(gallery.told()) == 1)
    assert gallery.world.shop.forged == 1


def test_without_a_secret_nothing_is_signed():
    assert webhook_headers("1", b"{}", [], 1.5) == {"webhook-id": "1", "webhook-timestamp": "1"}
