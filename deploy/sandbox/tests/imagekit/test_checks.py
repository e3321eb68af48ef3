"""Upload API checks: conditions on a file and its request that refuse the upload."""

import pytest

FOLDER = "/souk/0197/asset"


@pytest.mark.parametrize(
    ("checks", "passes"),
    [
        ("'file.size' <= 1000000", True),
        ('"file.size" < "1kb"', False),
        ('"file.mime" = "image/png" AND "file.size" < "1MB"', True),
        ('"file.mime" = "image/jpeg"', False),
        ('"file.mime" IN ["image/jpeg", "image/png"]', True),
        ('"file.mime" NOT IN ["image/svg+xml"]', True),
        ('"file.mime" : "image"', True),
        ('"mediaMetadata.width" <= 300 AND "mediaMetadata.height" < 200', False),
        ('"mediaMetadata.width" > 1000 OR ("file.size" > 1 AND "request.isPrivateFile" = true)', True),
        ('"mediaMetadata.duration" > 5', False),
        (f'"request.folder" = "{FOLDER}"', True),
        ('"request.folder" : "souk/0197/"', True),
        ('"request.folder" : "/souk/01/"', False),
        ('"request.folder" NOT = marketing', True),
    ],
)
async def test_checks_are_made_on_the_file_itself(gallery, checks, passes):
    noise = gallery.picture(noise=True)
    assert len(noise) > 1024
    answer = await gallery.browse(noise, checks=checks)
    assert answer.status_code == (200 if passes else 400), answer.text
    if not passes:
        assert "did not pass the checks" in answer.json()["message"]


@pytest.mark.parametrize(
    "checks",
    [
        "file.size < 10", '"file.size"', '"file.size" < 1mb', '"file.size" : 5', '"file.colour" = "red"',
        '"file.size" < "x"', '"file.mime" = true', '"file.mime" IN "image/png"', '"file.size" < 5 AND',
        '("file.size" < 5', '"file.size" < 5)', "'file.size < 5", '"file.mime" IN ["a" "b"]', '"file.size" < (5)',
        "(" * 30, '"file.size" < ]',
    ],
)  # fmt: skip
async def test_checks_that_are_not_understood_refuse_the_upload(gallery, checks):
    answer = await gallery.browse(checks=checks)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Your request contains invalid syntax for the checks parameter."
