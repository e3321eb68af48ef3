"""Answers held against what the vendor publishes: the files under golden/ name the page of each sample."""

import hashlib
import hmac
import json
import time
from pathlib import Path

import pytest

from sandbox.imagekit.signature import signed_path

GOLDEN = Path(__file__).parent / "golden"
HELP = "For support kindly contact us at support@imagekit.io"


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def assert_alike(ours, published):
    """Every published field is there and of the published type; either may be null."""
    for name, theirs in published.items():
        assert name in ours, f"{name} is missing"
        if theirs is not None and ours[name] is not None:
            assert type(ours[name]) is type(theirs), name


async def test_objects_have_every_published_field(gallery):
    uploaded = await gallery.uploaded(tags="a")
    http = gallery.world.http
    details = (
        await http.get(f"{gallery.base}/v1/files/{uploaded['fileId']}/details", auth=(gallery.keys[1], ""))
    ).json()
    made = {"uploaded": uploaded, "details": details}
    for name, sample in golden("objects").items():
        assert_alike(made[name], sample["published"])


async def provoked(gallery, call):
    """The answer to a request that must be refused."""
    http, upload = gallery.world.http, f"{gallery.base}/api/v1/files/upload"
    auth = (gallery.keys[1], "")
    if call == "no_such_file":
        return await http.get(f"{gallery.base}/v1/files/598821f949c0a938d57563bd/details", auth=auth)
    if call == "no_such_files":
        return await http.post(f"{gallery.base}/v1/files/batch/deleteByFileIds", json={"fileIds": ["x"]}, auth=auth)
    if call in {"late", "twice"}:
        token, expire = "8cbdb59b-6246-4f8f-b0e0-77b34c4e9e63", int(time.time()) + (3700 if call == "late" else 60)
        proof = hmac.new(gallery.keys[1].encode(), f"{token}{expire}".encode(), hashlib.sha1).hexdigest()
        form = {
            "fileName": "a",
            "token": token,
            "expire": str(expire),
            "signature": proof,
            "publicKey": gallery.keys[0],
        }
        await gallery.post(form, api="v1")
        return await gallery.post(form, api="v1")
    if call == "there_already":
        await gallery.uploaded()
        return await gallery.browse()
    fields = {"fileName": "a"} | ({"checks": "file.size < 1mb"} if call == "syntax" else {})
    keys = {"no_key": None, "wrong_key": ("private_of_another", "")}
    files = {"other": b"x"} if call == "no_file" else {"file": b"x"}
    return await http.post(upload, data=fields, files=files, auth=keys.get(call, auth))


@pytest.mark.parametrize("case", golden("errors"), ids=lambda case: case["call"])
async def test_errors_are_worded_as_published(gallery, case):
    answer = await provoked(gallery, case["call"])
    assert answer.status_code == case["status"]
    assert answer.json()["message"] == case["message"]
    assert answer.json()["help"].startswith(HELP)


def test_a_url_is_signed_as_published():
    """imagekit.io/docs/media-delivery-basic-security: HMAC-SHA1 of the path below the endpoint and the expiry."""
    path = "tr:w-400:rotate-91/sample/testing-file.jpg"
    proof = hmac.new(b"your_private_key", f"{path}1700000000".encode(), hashlib.sha1).hexdigest()
    assert signed_path(path, "your_private_key", 1700000000) == f"{path}?ik-t=1700000000&ik-s={proof}"


async def test_the_sdk_signs_alike(gallery):
    lamp = await gallery.uploaded()
    below = f"{lamp['filePath'][1:]}?tr=w-5"
    assert await gallery.url(lamp, {"width": 5}) == f"{gallery.endpoint}/{signed_path(below, gallery.keys[1])}"
