"""Uploads: by the SDK, by a browser with either kind of token, and what is refused."""

import base64
import hashlib
import hmac
import time
import zlib

import imagekitio
import jwt
import pytest

FOLDER = "/souk/0197/asset"


def bomb(width, height):
    """A PNG that says it has so many pixels."""
    png = bytearray(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAAElFTkSuQmCC"))
    png[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    png[29:33] = zlib.crc32(bytes(png[12:29])).to_bytes(4, "big")
    return bytes(png)


async def test_the_sdk_uploads_from_a_server_by_both_versions(gallery):
    for upload in (gallery.sdk.files.upload, gallery.sdk.beta.v2.files.upload):
        file = await upload(
            file=gallery.picture(),
            file_name="my lamp.png",
            folder="/a b/c.d/",
            tags=["red", "blue"],
            is_private_file=True,
            custom_metadata={"sku": 7},
            description="A lamp",
            response_fields=["tags", "isPrivateFile", "customMetadata", "metadata"],
        )
        assert file.file_path.startswith("/a_b/c_d/my_lamp_")
        assert file.file_path.endswith(".png")
        assert (file.width, file.height, file.file_type, file.is_private_file) == (300, 200, "image", True)
        assert (file.tags, file.custom_metadata, file.description) == (["red", "blue"], {"sku": 7}, "A lamp")
        assert file.metadata.format == "png"
        assert file.url == f"http://shop.example/sandbox/imagekit/cdn/souk{file.file_path}"
        assert file.version_info.name == "Version 1"
    assert len((await gallery.truth())["files"]) == 2


async def test_a_file_may_come_as_base64_and_as_anything_but_a_url(gallery):
    pdf = b"%PDF-1.7 hello"
    encoded = base64.b64encode(pdf).decode()
    for number, text in enumerate([encoded, f"data:application/pdf;base64,{encoded}"]):
        file = await gallery.browse(text, fileName=f"{number}.pdf")
        assert file.json()["fileType"] == "non-image"
        assert "width" not in file.json()
        assert (await gallery.get(await gallery.url(file.json()))).content == pdf
    for text in ("http://127.0.0.1/secret", "https://x/y.png", "no base64!", ""):
        assert (await gallery.browse(text, fileName="x.pdf")).status_code == 400


async def test_a_browser_uploads_what_its_token_signed(gallery):
    answer = await gallery.browse(checks="'file.size' <= 100000 AND 'file.mime' = 'image/png'")
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    file = answer.json()
    assert file["filePath"] == f"{FOLDER}/lamp.png"
    details = await gallery.sdk.files.get(file["fileId"])
    assert (details.mime, details.size, details.is_private_file) == ("image/png", len(gallery.picture()), True)


@pytest.mark.parametrize(
    "change",
    [
        {"folder": "/souk/another/asset"},
        {"fileName": "other.png"},
        {"isPrivateFile": "false"},
        {"checks": None},
        {"checks": "'file.size' <= 900000000"},
        {"tags": "more"},
        {"overwriteFile": None},
    ],
    ids=str,
)
async def test_a_form_that_differs_from_what_was_signed_is_refused(gallery, change):
    signed = gallery.fields(checks="'file.size' <= 100000")
    sent = {name: value for name, value in (signed | change).items() if value is not None}
    answer = await gallery.post(sent | {"token": gallery.token(signed)})
    assert answer.status_code == 400
    assert answer.json()["mismatch"] == list(change)
    assert (await gallery.truth())["files"] == []


async def test_values_in_a_token_are_texts(gallery):
    signed = gallery.fields() | {"isPrivateFile": True}
    answer = await gallery.post(gallery.fields() | {"token": gallery.token(signed)})
    assert answer.json()["mismatch"] == ["isPrivateFile"]


async def test_a_token_is_good_for_one_request_even_a_refused_one(gallery):
    fields = gallery.fields()
    good = fields | {"token": gallery.token(fields, jti="1")}
    assert (await gallery.post(good)).status_code == 200
    again = await gallery.post(good)
    assert again.status_code == 400
    assert again.json()["message"].startswith(f"The token with value '{good['token']}' has been used before.")
    spoiled = gallery.fields(fileName="b.png")
    token = {"token": gallery.token(spoiled, jti="2")}
    assert (await gallery.post(spoiled | token | {"tags": "x"})).status_code == 400
    assert "has been used before" in (await gallery.post(spoiled | token)).json()["message"]


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"exp": -1, "iat": -60}, 400, "has expired"),
        ({"exp": 3700}, 400, "less than 1 hour"),
        ({"exp": None}, 400, "invalid token"),
        ({"iat": None}, 400, "invalid token"),
        ({"iat": 500}, 400, "invalid token"),
        ({"exp": "soon"}, 400, "invalid token"),
        ({"kid": "public_of_another"}, 403, "cannot be authenticated"),
        ({"key": "private_of_another_shop_and_long_enough"}, 403, "cannot be authenticated"),
    ],
    ids=str,
)
async def test_stale_and_foreign_tokens_are_refused(gallery, claims, status, message):
    fields, now = gallery.fields(), int(time.time())
    claims = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
    answer = await gallery.post(fields | {"token": gallery.token(fields, **claims)})
    assert answer.status_code == status
    assert message in answer.json()["message"]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é"])
async def test_what_is_no_token_is_refused(gallery, token):
    assert (await gallery.post(gallery.fields() | {"token": token})).status_code == 400


async def test_another_algorithm_is_no_signature(gallery):
    fields = gallery.fields()
    at = int(time.time())
    claims = fields | {"iat": at, "exp": at + 60}
    header = {"kid": gallery.keys[0]}
    for token in (
        jwt.encode(claims, None, "none", headers=header),
        jwt.encode(claims, gallery.keys[1] * 2, "HS512", headers=header),
    ):
        assert (await gallery.post(fields | {"token": token})).status_code == 403


async def test_tokens_of_the_first_kind_sign_no_parameters(gallery):
    expire = int(time.time()) + 600
    signed = await gallery.sdk.helper.get_authentication_parameters("once", expire)
    fields = {"fileName": "a.png", **{name: str(value) for name, value in signed.items()}}
    fields["publicKey"] = gallery.keys[0]
    assert (await gallery.post(fields | {"folder": "/anywhere"}, api="v1")).status_code == 200
    assert "has been used" in (await gallery.post(fields, api="v1")).json()["message"]
    for change, word in [
        ({"expire": str(expire + 3600)}, "less than 1 hour"),
        ({"expire": "1"}, "less than 1 hour"),
        ({"expire": "soon"}, "less than 1 hour"),
        ({"signature": "0" * 40}, "invalid signature"),
        ({"token": "another"}, "invalid signature"),
        ({"publicKey": "public_of_another"}, "cannot be authenticated"),
        ({"publicKey": ""}, "missing publicKey"),
    ]:
        assert word in (await gallery.post(fields | change, api="v1")).json()["message"]


async def test_without_any_key_nothing_is_taken(gallery, galleries):
    assert (await gallery.post({"fileName": "a.png"})).status_code == 401
    with pytest.raises(imagekitio.PermissionDeniedError):
        await galleries(gallery.world, "private_of_another").sdk.files.upload(file=b"x", file_name="x")
    assert (await gallery.truth())["files"] == []


async def test_what_a_file_is_is_told_by_its_bytes(gallery):
    sent = {
        "image/jpeg": gallery.picture(kind="JPEG"),
        "image/webp": gallery.picture(kind="WEBP"),
        "image/avif": gallery.picture(kind="AVIF"),
        "image/gif": gallery.picture(kind="GIF"),
        "image/tiff": gallery.picture(kind="TIFF"),
        "application/zip": b"PK\x03\x04 and so on",
        "audio/mpeg": b"ID3 and so on",
        "video/mp4": b"\0\0\0\x20ftypisom",
        "application/octet-stream": b"<html>",
        "application/x-msdownload": b"MZ\x90\0",
    }
    for number, (mime, content) in enumerate(sent.items()):
        file = await gallery.uploaded(content, fileName=f"{number}.png")
        details = await gallery.sdk.files.get(file["fileId"])
        assert (details.mime, "width" in file) == (mime, mime.startswith("image/"))
    file = await gallery.uploaded(b"<svg/>", fileName="x.svg")
    assert (await gallery.sdk.files.get(file["fileId"])).mime == "image/svg+xml"
    assert (await gallery.uploaded(b"", fileName="empty.png"))["size"] == 0


async def test_an_image_bomb_is_measured_and_never_decoded(gallery):
    file = await gallery.uploaded(bomb(50_000, 50_000))
    assert (file["width"], file["height"]) == (50_000, 50_000)
    refused = await gallery.get(await gallery.url(file, {"width": 10}))
    assert refused.status_code == 400
    assert "more pixels" in refused.headers["ik-error"]
    broken = await gallery.uploaded(bomb(3000, 3000), fileName="broken.png")
    assert (await gallery.get(await gallery.url(broken, {"width": 10}))).status_code == 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fileName": None}, "Your request is missing fileName parameter."),
        ({"isPrivateFile": "yes"}, "Your request contains invalid isPrivateFile parameter."),
        ({"tags": "x" * 501}, "Your request contains invalid tags parameter."),
        ({"tags": "100%"}, "Your request contains invalid tags parameter."),
        ({"customCoordinates": "1,2"}, "Your request contains invalid customCoordinates parameter."),
        ({"customMetadata": "[]"}, "Your request contains invalid customMetadata parameter."),
        ({"customMetadata": "{"}, "Your request contains invalid customMetadata parameter."),
        ({"responseFields": "colour"}, "Your request contains invalid responseFields parameter."),
        ({"colour": "red"}, "Your request contains unknown colour parameter."),
        ({"transformation": "{}"}, "The sandbox knows no transformation at upload."),
    ],
    ids=str,
)
async def test_parameters_that_cannot_be_taken(gallery, change, message):
    answer = await gallery.browse(**change)
    assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert await gallery.world.http.get("/sandbox/imagekit/library")


async def test_forms_that_are_none(gallery):
    url = f"{gallery.base}/api/v2/files/upload"
    post = gallery.world.http.post
    assert (await post(url, content=b"x")).json()["message"] == "Your request is missing file parameter."
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert (await post(url, content=b"--x\r\nrubbish", headers=form)).status_code == 400
    twice = [("file", ("a", b"x")), ("folder", (None, b"/a")), ("folder", (None, b"/b"))]
    assert "more than once" in (await post(url, files=twice)).json()["message"]
    large = gallery.fields() | {f"x{number}": "" for number in range(50)}
    assert (await gallery.post(large)).status_code == 400


async def test_a_path_has_one_file_with_versions(gallery):
    first = await gallery.uploaded()
    refused = await gallery.browse()
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("A file with the same name already exists at the exact location.")
    kept = {"overwriteFile": "true", "overwriteTags": "false", "overwriteCustomMetadata": "false"}
    await gallery.uploaded(gallery.picture((10, 10)), overwriteFile="true", tags="a", customMetadata='{"b": 1}')
    third = await gallery.uploaded(gallery.picture((20, 10)), **kept, responseFields="tags,customMetadata")
    assert third["fileId"] == first["fileId"]
    assert (third["versionInfo"]["name"], third["tags"], third["customMetadata"]) == ("Version 3", ["a"], {"b": 1})
    assert (await gallery.shown(third)).size == (20, 10)
    assert len((await gallery.truth())["files"]) == 1


async def test_the_sandboxs_own_keys_work_when_none_are_configured(tmp_path, open_gallery, galleries):
    async with open_gallery(tmp_path / "sandbox.db", api_keys={}) as world:
        gallery = galleries(world, "private_souk")
        await gallery.sdk.files.upload(file=gallery.picture(), file_name="a.png")
        fields = gallery.fields()
        at = int(time.time())
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            token = gallery.token(fields, "private_souk", "public_souk", iat=at, exp=at + 60)
        assert (await gallery.post(fields | {"token": token})).status_code == 200
        proof = hmac.new(b"private_souk", b"souk/0197/asset/lamp.png9999999999", hashlib.sha1).hexdigest()
        assert (await gallery.get(f"{gallery.endpoint}{FOLDER}/lamp.png?ik-s={proof}")).status_code == 200
