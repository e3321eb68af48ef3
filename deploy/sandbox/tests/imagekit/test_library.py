"""The library: details, lists and searches, updates, versions, deletion."""

import imagekitio
import pytest

AUTH = ("private_of_the_shop_and_long_enough_for_anybody", "")


async def test_details_and_metadata_say_what_was_found(gallery):
    camera = gallery.picture(kind="JPEG", gps=True, dpi=(300, 300))
    file = await gallery.uploaded(camera, tags="a, b", description="d", customCoordinates="1,2,3,4")
    details = await gallery.sdk.files.get(file["fileId"])
    assert (details.type, details.name, details.file_path) == ("file", "lamp.png", "/souk/0197/asset/lamp.png")
    assert (details.tags, details.description, details.custom_coordinates) == (["a", "b"], "d", "1,2,3,4")
    assert (details.has_alpha, details.is_published, details.created_at) == (False, True, details.updated_at)
    found = await gallery.sdk.files.metadata.get(file["fileId"])
    assert (found.width, found.height, found.format, found.size) == (300, 200, "jpg", len(camera))
    assert found.density == 300
    assert found.exif.image.make == "Camera"
    assert found.exif.gps.gps_latitude == [52.0, 31.0, 12.5]
    pdf = await gallery.uploaded(b"%PDF-", fileName="a.pdf")
    assert (await gallery.sdk.files.metadata.get(pdf["fileId"])).format == "pdf"


async def test_deleting_forgets_the_file_its_versions_and_its_bytes(gallery, tmp_path):
    file = await gallery.uploaded()
    await gallery.uploaded(gallery.picture((10, 10)), overwriteFile="true")
    blobs = tmp_path / "sandbox.db.imagekit"
    assert len(list(blobs.iterdir())) == 2
    await gallery.sdk.files.delete(file["fileId"])
    assert list(blobs.iterdir()) == []
    for call in (gallery.sdk.files.get, gallery.sdk.files.delete, gallery.sdk.files.metadata.get):
        with pytest.raises(imagekitio.NotFoundError, match="The requested file does not exist"):
            await call(file["fileId"])
    assert (await gallery.get(await gallery.url(file))).status_code == 404
    truth = await gallery.truth()
    assert (truth["files"], truth["deletions"][0]["fileId"]) == ([], file["fileId"])
    assert (await gallery.browse()).status_code == 200


async def test_many_are_deleted_together_or_none(gallery):
    ids = [(await gallery.uploaded(fileName=f"{number}.png"))["fileId"] for number in range(3)]
    with pytest.raises(imagekitio.NotFoundError) as missing:
        await gallery.sdk.files.bulk.delete(file_ids=[ids[0], "nobody"])
    assert missing.value.body["missingFileIds"] == ["nobody"]
    deleted = await gallery.sdk.files.bulk.delete(file_ids=ids[:2])
    assert deleted.successfully_deleted_file_ids == ids[:2]
    assert [file["fileId"] for file in (await gallery.truth())["files"]] == ids[2:]
    with pytest.raises(imagekitio.BadRequestError):
        await gallery.sdk.files.bulk.delete(file_ids=[])


async def test_updates_change_details_or_publication(gallery):
    file = await gallery.uploaded(isPrivateFile="false", customMetadata='{"a": 1}')
    update = gallery.sdk.files.update
    changed = await update(file["fileId"], tags=["x"], description="y", custom_metadata={"a": None, "b": 2})
    assert (changed.tags, changed.description, changed.custom_metadata) == (["x"], "y", {"b": 2})
    assert (await update(file["fileId"], tags=None)).tags is None
    hidden = await update(file["fileId"], publish={"is_published": False})
    assert hidden.is_published is False
    assert (await gallery.get(await gallery.url(file, signed=False))).status_code == 404
    with pytest.raises(imagekitio.BadRequestError, match="cannot contain any other"):
        await update(file["fileId"], extra_body={"publish": {"isPublished": True}, "tags": []})
    with pytest.raises(imagekitio.BadRequestError):
        await update(file["fileId"], extra_body={"publish": True})


async def test_versions_are_listed_restored_and_deleted(gallery):
    file = await gallery.uploaded(gallery.picture((10, 10)))
    await gallery.uploaded(gallery.picture((20, 10)), overwriteFile="true")
    versions = gallery.sdk.files.versions
    new, old = await versions.list(file["fileId"])
    assert [(each.version_info.name, each.width) for each in (new, old)] == [("Version 2", 20), ("Version 1", 10)]
    assert (await versions.get(old.version_info.id, file_id=file["fileId"])).type == "file-version"
    assert (await versions.get(new.version_info.id, file_id=file["fileId"])).type == "file"
    restored = await versions.restore(old.version_info.id, file_id=file["fileId"])
    assert (restored.version_info.name, restored.width) == ("Version 1", 10)
    assert (await versions.restore(old.version_info.id, file_id=file["fileId"])).width == 10
    assert (await gallery.shown(file)).size == (10, 10)
    with pytest.raises(imagekitio.BadRequestError, match="cannot delete current version"):
        await versions.delete(old.version_info.id, file_id=file["fileId"])
    await versions.delete(new.version_info.id, file_id=file["fileId"])
    assert len(await versions.list(file["fileId"])) == 1
    with pytest.raises(imagekitio.NotFoundError, match="The requested asset does not exist"):
        await versions.delete(new.version_info.id, file_id=file["fileId"])


@pytest.fixture
async def shelf(gallery):
    """Three files; the names of what a list finds."""
    await gallery.uploaded(gallery.picture((10, 20)), fileName="a.png", tags="red,big")
    await gallery.uploaded(gallery.picture((30, 10), "JPEG"), fileName="b.jpg", isPrivateFile="false")
    await gallery.uploaded(b"%PDF-" + b"x" * 5000, fileName="c.pdf", folder="/papers")

    async def names(**params):
        return [file.name for file in await gallery.sdk.assets.list(**params)]

    return names


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["a.png", "b.jpg", "c.pdf"]),
        ({"sort": "DESC_NAME"}, ["c.pdf", "b.jpg", "a.png"]),
        ({"sort": "DESC_WIDTH", "limit": 2}, ["b.jpg", "a.png"]),
        ({"skip": 1, "limit": 1}, ["b.jpg"]),
        ({"path": "/papers/"}, ["c.pdf"]),
        ({"path": "souk/0197/asset"}, ["a.png", "b.jpg"]),
        ({"path": "/souk"}, []),
        ({"file_type": "image"}, ["a.png", "b.jpg"]),
        ({"file_type": "non-image", "type": "file"}, ["c.pdf"]),
        ({"type": "folder"}, []),
        ({"extra_query": {"name": "a.png"}}, ["a.png"]),
        ({"extra_query": {"tags": "red"}}, ["a.png"]),
        ({"search_query": 'name = "a.png"'}, ["a.png"]),
        ({"search_query": "name : b"}, ["b.jpg"]),
        ({"search_query": 'tags IN ["red", "green"]'}, ["a.png"]),
        ({"search_query": 'tags NOT IN ["red"]'}, ["b.jpg", "c.pdf"]),
        ({"search_query": "width > 20 OR height >= 20"}, ["a.png", "b.jpg"]),
        ({"search_query": "size > 4kb"}, ["c.pdf"]),
        ({"search_query": 'createdAt < "1d"'}, []),
        ({"search_query": 'createdAt > "2020-01-01" AND private = false'}, ["b.jpg"]),
        ({"search_query": 'path : "/souk/" AND NOT_A = 1'}, None),
        ({"search_query": 'format IN ["jpg", "pdf"] AND (mime = "image/jpeg")'}, ["b.jpg"]),
        ({"search_query": "name ="}, None),
        ({"search_query": "createdAt < someday"}, None),
        ({"limit": 0}, None),
        ({"limit": 1001}, None),
        ({"skip": -1}, None),
        ({"sort": "ASC_MOOD"}, None),
        ({"file_type": "video"}, None),
        ({"extra_query": {"colour": "red"}}, None),
    ],
    ids=str,
)
async def test_lists_and_searches(shelf, params, names):
    if names is None:
        with pytest.raises(imagekitio.BadRequestError):
            await shelf(**params)
    else:
        assert await shelf(**params) == names


async def test_what_the_api_does_not_have(gallery, galleries):
    http = gallery.world.http
    assert (await http.get(f"{gallery.base}/v1/folders", auth=AUTH)).status_code == 404
    assert (await http.get(f"{gallery.base}/v1/files")).status_code == 401
    assert (await http.get(f"{gallery.base}/v1/files", headers={"authorization": "Basic =="})).status_code == 401
    with pytest.raises(imagekitio.PermissionDeniedError):
        await galleries(gallery.world, "private_of_another").sdk.assets.list()
    for body in (b"{", b"[]"):
        url = f"{gallery.base}/v1/files/batch/deleteByFileIds"
        assert (await http.post(url, content=body, auth=AUTH)).status_code == 400


async def test_there_is_nothing_to_purge(gallery):
    made = await gallery.sdk.cache.invalidation.create(url=f"{gallery.endpoint}/a.png")
    assert (await gallery.sdk.cache.invalidation.get(made.request_id)).status == "Completed"
    with pytest.raises(imagekitio.BadRequestError):
        await gallery.sdk.cache.invalidation.create(url=None)


async def test_people_see_the_uploads(gallery):
    page = await gallery.get("/sandbox/imagekit/library")
    assert "nothing yet" in page.text
    await gallery.uploaded(fileName="lamp.png")
    await gallery.uploaded(b"%PDF-", fileName="a.pdf")
    page = await gallery.get("/sandbox/imagekit/library")
    assert "/souk/0197/asset/a.pdf" in page.text
    small = page.text.partition('<img src="')[2].partition('"')[0].replace("&amp;", "&")
    assert gallery.seen(await gallery.get(small)).size == (160, 107)
    assert "imagekit/library" in (await gallery.get("/sandbox/")).text
