"""Tokens for uploads, and what hostile browsers do with them."""

import asyncio
import json
from base64 import b64decode
from datetime import UTC, datetime

import jwt
import pytest

from common.events import new_id
from common.testing import bearer

from .conftest import PRIVATE, PUBLIC, photo

TOKEN = "/uploads/token"
GOOD = {"name": "a.jpg", "content_type": "image/jpeg", "size": 5}


async def codes(gallery, *bodies, headers=None):
    answers = [await gallery.client.post(TOKEN, json=body, headers=headers or gallery.headers) for body in bodies]
    return [answer.status_code for answer in answers]


async def test_only_sellers_get_tokens(local):
    assert await codes(local, GOOD, headers=bearer(new_id())) == [403]
    assert (await local.client.post(TOKEN, json=GOOD)).status_code == 401
    assert await codes(local, GOOD, headers=bearer(new_id(), "admin")) == [201]


async def test_b66_a_thousand_tokens_are_not_to_be_had(make_gallery):
    gallery = await make_gallery("local", UPLOAD_TOKENS_PER_USER="7")
    answers = await asyncio.gather(*(gallery.token(b"x" * 9) for _ in range(1000)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), set(statuses) - {503}) == (7, {201, 429})
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("too_many_uploads", "60")
    assert await codes(gallery, GOOD, headers=bearer(new_id(), "seller")) == [201]
    await gallery.sql("UPDATE assets SET expires_at = now()")
    assert await codes(gallery, GOOD) == [201]


@pytest.mark.parametrize(
    "change",
    [
        *({"content_type": kind} for kind in ("image/svg+xml", "text/html", "application/x-msdownload", "IMAGE/PNG")),
        *({"size": size} for size in (0, -1, 10**10, 10**20, 5.5, "5")),
        *({"name": name} for name in ("", " ", "a\nb", "a\0b", "x" * 201)),
        {"folder": "/somebody"},
    ],
)
async def test_b66_tokens_for_what_is_never_taken_are_refused(local, change):
    assert await codes(local, GOOD | change) in ([422], [400])


async def test_a_token_of_imagekit_signs_every_field_and_holds_for_ten_minutes(imagekit):
    ticket = await imagekit.ticket(b"x" * 50)
    fields = dict(ticket["upload"]["fields"])
    token = fields.pop("token")
    claims = jwt.decode(token, PRIVATE, ["HS256"])
    assert jwt.get_unverified_header(token)["kid"] == PUBLIC
    assert claims.pop("exp") - claims.pop("iat") == 600
    assert claims == fields
    assert fields["folder"] == f"/souk/{imagekit.seller}/{ticket['asset_id']}"
    assert fields["checks"] == '"file.size" = 50 AND "file.mime" = "image/jpeg"'
    assert (fields["isPrivateFile"], fields["overwriteFile"], fields["useUniqueFileName"]) == ("true", "false", "false")


async def test_the_form_of_a_bucket_holds_for_one_key_type_and_size(make_gallery):
    gallery = await make_gallery("s3")
    ticket = await gallery.ticket(b"x" * 50)
    policy = json.loads(b64decode(ticket["upload"]["fields"]["policy"]))
    assert ["content-length-range", 50, 50] in policy["conditions"]
    signed = {name for condition in policy["conditions"] if isinstance(condition, dict) for name in condition}
    assert ticket["upload"]["fields"].keys() - {"policy", "x-amz-signature"} == signed - {"bucket"}
    ends = datetime.fromisoformat(policy["expiration"])
    assert abs((ends - datetime.now(UTC)).total_seconds() - 600) < 5


@pytest.mark.parametrize(
    "changes",
    [
        {"folder": "/souk/somebody-else"},
        {"folder": "/souk/../../x"},
        {"fileName": "logo.jpg"},
        {"isPrivateFile": "false"},
        {"overwriteFile": "true"},
        {"checks": None},
        {"tags": "free"},
        {"token": "x.y.z"},
        {"token": None},
    ],
    ids=str,
)
async def test_b68_a_token_of_imagekit_holds_for_its_own_form_only(imagekit, changes):
    content = photo((60, 40))
    ticket = await imagekit.ticket(content)
    answer = await imagekit.send(ticket, content, **changes)
    assert answer.status_code in {400, 401, 403}, answer.text


async def test_b68_a_token_of_imagekit_holds_for_its_own_size_and_type_only(imagekit):
    content = photo((60, 40))
    for other in (content + b"more", content[:-1], photo((60, 40), "PNG")):
        assert not (await imagekit.send(await imagekit.ticket(content), other)).is_success


@pytest.mark.parametrize("store", ["imagekit", "local"])
async def test_b68_a_token_brings_one_file_and_none_after_its_time(make_gallery, store):
    gallery = await make_gallery(store, UPLOAD_TOKEN_TTL="1s")
    content = photo((60, 40))
    used, late = await gallery.ticket(content), await gallery.ticket(content)
    assert (await gallery.send(used, content)).is_success
    again = await gallery.send(used, content)
    assert again.status_code in {400, 409}
    await asyncio.sleep(2.1)
    assert (await gallery.send(late, content)).status_code in {400, 403}


async def test_b68_an_upload_to_the_disk_that_was_registered_cannot_be_replaced(local):
    content, other = photo((60, 40)), photo((60, 40), colour="red")
    ticket = await local.ticket(content)
    await local.send(ticket, content)
    assert (await local.register(asset_id=ticket["asset_id"])).json()["status"] == "ready"
    answer = await local.send(ticket, other)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_used")


async def test_b68_an_upload_to_a_bucket_that_was_registered_cannot_be_replaced(make_gallery, order):
    gallery = await make_gallery("s3")
    content = photo((60, 40))
    other = content[:-40] + b"\0" * 40
    ticket = await gallery.ticket(content)
    assert (await gallery.send(ticket, content)).is_success
    assert (await gallery.register(asset_id=ticket["asset_id"])).json()["status"] == "ready"
    await gallery.send(ticket, other)
    product = await gallery.product(files=[ticket["asset_id"]])
    bought, (download,) = await gallery.sell(order, product)
    url = (await gallery.link(bought.user, download)).json()["url"]
    assert (await gallery.fetch(url)).content == content


async def test_b68_the_disk_takes_only_what_the_token_was_issued_for(local):
    content = photo((60, 40))
    ticket = await local.ticket(content)
    longer = await local.send(ticket, content + b"more")
    shorter = await local.send(ticket, content[:-1])
    typed = await local.send(ticket, content, "image/png")
    assert [answer.json()["code"] for answer in (longer, shorter, typed)] == ["upload_not_as_announced"] * 3
    others = (await local.ticket(content))["upload"]["fields"]
    forged = [others, {"token": "1.x"}, {"token": None}, {"token": "9999999999.00"}, {"token": "٣.x"}]
    answers = [await local.send(ticket, content, **fields) for fields in forged]
    assert {answer.json()["code"] for answer in answers} <= {"upload_refused", "upload_malformed"}
    assert {answer.status_code for answer in answers} <= {403, 400}
    assert (await local.send(ticket, content)).status_code == 201
    nowhere = {"upload": ticket["upload"] | {"url": f"http://test/api/v1/uploads/{new_id()}"}}
    assert (await local.send(nowhere, content)).status_code == 403


async def test_b66_a_body_of_ten_gigabytes_is_refused_at_its_first_word(make_gallery):
    gallery = await make_gallery("local", MAX_UPLOAD_BYTES="1000")
    assert (await gallery.token(b"x" * 1001)).json()["code"] == "upload_too_large"
    path = f"/uploads/{(await gallery.ticket(b'x' * 10))['asset_id']}"
    announced = {"content-length": str(10**10), "content-type": "multipart/form-data; boundary=b"}

    async def endless():
        while True:
            yield b"x" * 65536

    answer = await gallery.client.post(path, content=b"", headers=announced)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    answer = await gallery.client.post(path, content=endless(), headers={"content-type": announced["content-type"]})
    assert answer.status_code in {400, 413}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no form at all"),
        ("multipart/form-data; boundary=b", b'--b\r\ncontent-disposition: form-data; name="token"\r\n\r\n1.x'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 9000 + b": y\r\n\r\nx\r\n--b--\r\n"),
    ],
)
async def test_a_form_that_is_none_is_refused(local, kind, body):
    path = f"/uploads/{(await local.ticket(b'x' * 10))['asset_id']}"
    answer = await local.client.post(path, content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_malformed")


async def test_an_upload_that_breaks_off_leaves_nothing(local, tmp_path):
    content = photo()
    ticket = await local.ticket(content)
    token = ticket["upload"]["fields"]["token"]
    parts = [
        f'content-disposition: form-data; name="token"\r\n\r\n{token}\r\n',
        'content-disposition: form-data; name="file"; filename="x"\r\ncontent-type: image/jpeg\r\n\r\n',
    ]
    head = "".join(f"--b\r\n{part}" for part in parts)
    body = head.encode() + content[:5000]
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await local.client.post(f"/uploads/{ticket['asset_id']}", content=body, headers=headers)
    assert answer.status_code == 400
    assert [path for path in (tmp_path / "assets").rglob("*") if path.is_file()] == []
    assert (await local.send(ticket, content)).status_code == 201
