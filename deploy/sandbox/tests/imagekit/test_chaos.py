"""The chaos dial on ImageKit, and a memory that survives."""

import asyncio

import imagekitio
import pytest

UPLOAD = {"provider": "imagekit", "operation": "upload"}
GET = {"provider": "imagekit", "operation": "files.get"}
CDN = {"provider": "imagekit", "operation": "cdn"}


@pytest.mark.parametrize("status", [None, 503, 429])
async def test_error_answers_before_anything_is_done(gallery, status):
    await gallery.world.chaos({**UPLOAD, "mode": "error", "count": 1, "status": status})
    fields = gallery.fields()
    form = fields | {"token": gallery.token(fields)}
    assert (await gallery.post(form)).status_code == (status or 500)
    assert (await gallery.truth())["files"] == []
    assert (await gallery.post(form)).status_code == 200


@pytest.mark.parametrize(("mode", "kept"), [("hang", 0), ("commit_then_hang", 1)])
async def test_an_upload_hangs_before_or_after_the_deed(gallery, tmp_path, mode, kept):
    await gallery.world.chaos({**UPLOAD, "mode": mode, "count": 1})
    with pytest.raises(imagekitio.APITimeoutError):
        await gallery.sdk.files.upload(file=gallery.picture(), file_name="a.png", timeout=0.3)
    await asyncio.sleep(0.05)
    assert len((await gallery.truth())["files"]) == kept
    assert len(list((tmp_path / "sandbox.db.imagekit").iterdir())) == kept


@pytest.mark.parametrize("variant", [None, "reset", "truncate", "html"])
async def test_commit_then_error_does_it_and_answers_rubbish(gallery, variant):
    await gallery.world.chaos(
        {
            "provider": "imagekit",
            "operation": "files.delete",
            "mode": "commit_then_error",
            "variant": variant,
            "count": 1,
        }
    )
    file = await gallery.uploaded()
    with pytest.raises(imagekitio.APIError):
        await gallery.sdk.files.delete(file["fileId"])
    assert (await gallery.truth())["files"] == []


@pytest.mark.parametrize(("variant", "lies"), [("all", True), ("amount", False), ("metadata", True)])
async def test_answers_lie_about_a_file(gallery, variant, lies):
    file = await gallery.uploaded()
    await gallery.world.chaos({**GET, "mode": "tamper", "variant": variant, "count": 1})
    told = await gallery.sdk.files.get(file["fileId"])
    assert (told.mime != "image/png", told.file_path != file["filePath"]) == (lies, lies)
    assert (told.size != file["size"]) == (variant != "metadata")
    assert (await gallery.sdk.files.get(file["fileId"])).mime == "image/png"


async def test_lists_lie_too(gallery):
    await gallery.uploaded()
    await gallery.world.chaos({"provider": "imagekit", "operation": "files.list", "mode": "tamper"})
    (told,) = await gallery.sdk.assets.list()
    assert told.mime == "image/x-other"


async def test_the_cdn_misbehaves_as_asked(gallery):
    url = await gallery.url(await gallery.uploaded())
    await gallery.world.chaos({**CDN, "mode": "error", "status": 503, "count": 1})
    assert (await gallery.get(url)).status_code == 503
    await gallery.world.chaos({**CDN, "mode": "tamper", "count": 1})
    assert (await gallery.get(url)).content == gallery.picture() + b"\0"
    await gallery.world.chaos({**CDN, "mode": "commit_then_error", "variant": "html", "count": 1})
    assert (await gallery.get(url)).status_code == 502
    await gallery.world.chaos({**CDN, "mode": "delay", "delay": 0.01, "count": 1})
    assert (await gallery.get(url)).content == gallery.picture()


async def test_webhooks_are_dropped_as_asked(gallery):
    await gallery.world.chaos(
        {"provider": "imagekit", "target": "webhook", "mode": "drop", "operation": "file.created"}
    )
    await gallery.uploaded()
    (line,) = (await gallery.truth())["webhooks"]
    assert (line["type"], line["state"]) == ("file.created", "dropped")


async def test_files_tokens_and_half_uploads_after_a_restart(tmp_path, open_gallery, galleries):
    state = tmp_path / "sandbox.db"
    async with open_gallery(state) as world:
        gallery = galleries(world)
        fields = gallery.fields()
        form = fields | {"token": gallery.token(fields)}
        file = (await gallery.post(form)).json()
    (tmp_path / "sandbox.db.imagekit" / "half.part").write_bytes(b"x")
    async with open_gallery(state) as world:
        gallery = galleries(world)
        assert (await gallery.shown(file)).size == (300, 200)
        assert "has been used before" in (await gallery.post(form)).json()["message"]
        assert len(list((tmp_path / "sandbox.db.imagekit").iterdir())) == 1
        with pytest.raises(LookupError):
            world.sandbox._providers["imagekit"].do_later(None, "nothing", "nobody")
