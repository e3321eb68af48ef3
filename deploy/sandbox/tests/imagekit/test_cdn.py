"""The CDN: who may see what, for how long, and in which shape."""

import base64
import io
import time

import pytest
from PIL import Image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def near(pixel, colour):
    return all(abs(ours - theirs) < 40 for ours, theirs in zip(pixel, colour, strict=False))


@pytest.fixture
async def lamp(gallery):
    return await gallery.uploaded()


async def test_a_private_file_needs_a_signature(gallery, lamp):
    bare = await gallery.get(await gallery.url(lamp, signed=False))
    assert (bare.status_code, bare.text) == (401, "Unauthorised")
    for signed in (await gallery.url(lamp), await gallery.url(lamp, expires_in=60)):
        answer = await gallery.get(signed)
        assert answer.content == gallery.picture()
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"].startswith("private, max-age=")
    assert (await gallery.get(await gallery.url(lamp, {"width": 10}, signed=False))).status_code == 401


async def test_a_signature_is_of_one_url(gallery, lamp):
    other = await gallery.uploaded(fileName="other.png")
    small = await gallery.url(lamp, {"width": 50}, expires_in=60)
    assert gallery.seen(await gallery.get(small)).width == 50
    for forged in (
        small.replace("w-50", "w-500"),
        small.replace("tr=w-50&", ""),
        small.replace("lamp.png", "other.png"),
        small.replace("ik-t=", "ik-t=1"),
        small + "0",
    ):
        assert (await gallery.get(forged)).status_code in {401, 404}, forged
    assert (await gallery.get(await gallery.url(other))).status_code == 200


async def test_a_signed_url_ends(gallery, lamp):
    url = await gallery.url(lamp, expires_in=1)
    assert (await gallery.get(url)).status_code == 200
    while (answer := await gallery.get(url)).status_code == 200:
        pass
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"
    assert time.time() > int(url.partition("ik-t=")[2].partition("&")[0])
    strange = url.replace("ik-t=", "ik-t=x")
    assert (await gallery.get(strange)).status_code == 401


async def test_a_public_file_needs_none_but_a_wrong_one_is_refused(gallery):
    lamp = await gallery.uploaded(isPrivateFile="false")
    url = await gallery.url(lamp, signed=False)
    answer = await gallery.get(url)
    assert answer.headers["cache-control"].startswith("public, max-age=31536000")
    assert answer.content == gallery.picture()
    assert (await gallery.get(f"{url}?ik-s=wrong")).status_code == 401
    assert (await gallery.get(f"{gallery.base}/cdn/another{lamp['filePath']}")).status_code == 404
    missing = await gallery.get(f"{gallery.endpoint}/none.png")
    assert (missing.status_code, missing.text, missing.headers["ik-error"][:6]) == (404, "Not Found", "ENOENT")


async def test_the_accounts_own_thumbnail_needs_no_signature(gallery, lamp):
    thumbnail = lamp["thumbnailUrl"].replace("http://shop.example", gallery.world.url)
    assert gallery.seen(await gallery.get(thumbnail)).size == (300, 200)
    assert (
        await gallery.get(thumbnail.replace("tr:n-ik_ml_thumbnail", "tr:n-ik_ml_thumbnail,w-2000"))
    ).status_code == 401
    assert (await gallery.get(await gallery.url(lamp, {"named": "unknown"}))).status_code == 400


async def test_a_download_is_named_and_comes_in_parts(gallery, lamp):
    url = await gallery.url(lamp, expires_in=60, query_parameters={"ik-attachment": "true"})
    part = await gallery.get(url, range="bytes=0-3")
    assert (part.status_code, part.content) == (206, b"\x89PNG")
    assert part.headers["content-disposition"] == "attachment; filename*=utf-8''lamp.png"


async def test_names_of_any_language_are_served(gallery):
    file = await gallery.uploaded(fileName="Lämpchen 1.png")
    assert file["name"] == "Lämpchen_1.png"
    assert (await gallery.get(await gallery.url(file, {"width": 20}, expires_in=9))).status_code == 200


async def test_scripts_in_files_do_not_run(gallery):
    file = await gallery.uploaded(b"<script>", fileName="x.html")
    answer = await gallery.get(await gallery.url(file))
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await gallery.get(await gallery.url(file, {"width": 5}))).status_code == 400


@pytest.mark.parametrize(
    ("steps", "size"),
    [
        ([{"width": 150}], (150, 100)),
        ([{"height": 50}], (75, 50)),
        ([{"width": 0.5}], (150, 100)),
        ([{"width": "iw_div_3"}], (100, 67)),
        ([{"width": 600}], (600, 400)),
        ([{"width": 100, "height": 100}], (100, 100)),
        ([{"width": 100, "height": 100, "crop": "force"}], (100, 100)),
        ([{"width": 100, "height": 100, "crop": "at_max"}], (100, 67)),
        ([{"width": 900, "height": 900, "crop": "at_max"}], (300, 200)),
        ([{"width": 900, "height": 900, "crop": "at_max_enlarge"}], (900, 600)),
        ([{"width": 100, "height": 100, "crop": "at_least"}], (150, 100)),
        ([{"width": 100, "height": 100, "crop_mode": "pad_resize", "background": "FFFFFF"}], (100, 100)),
        ([{"width": 100, "height": 50, "crop_mode": "extract"}], (100, 50)),
        ([{"width": 400, "aspect_ratio": "4-3"}], (400, 300)),
        ([{"width": "auto", "height": 20}], (30, 20)),
        ([{"width": 100}, {"rotation": 90}], (67, 100)),
        ([{"width": 100}, {"width": 0.5, "blur": 3, "grayscale": True}], (50, 34)),
        ([{"original": True}], (300, 200)),
    ],
    ids=str,
)
async def test_images_are_resized(gallery, lamp, steps, size):
    assert (await gallery.shown(lamp, *steps)).size == size
    in_path = await gallery.shown(lamp, *steps, transformation_position="path")
    assert in_path.size == size


async def test_the_focus_says_what_stays(gallery, lamp):
    square = {"width": 100, "height": 100}
    assert near((await gallery.shown(lamp, square | {"focus": "left"})).getpixel((70, 50)), RED)
    assert near((await gallery.shown(lamp, square | {"focus": "right"})).getpixel((30, 50)), BLUE)
    corner = {"width": 100, "height": 50, "crop_mode": "extract"}
    assert near((await gallery.shown(lamp, corner | {"focus": "top_right"})).getpixel((2, 2)), BLUE)
    assert near((await gallery.shown(lamp, corner | {"x": 0, "y": 0})).getpixel((98, 2)), RED)
    padded = await gallery.shown(lamp, square | {"crop_mode": "pad_resize", "background": "white"})
    assert near(padded.getpixel((50, 1)), WHITE)


@pytest.mark.parametrize(
    ("wish", "accept", "kind"),
    [
        ({}, "*/*", "PNG"),
        ({"format": "jpg", "quality": 10}, "*/*", "JPEG"),
        ({"format": "webp"}, "*/*", "WEBP"),
        ({"format": "avif"}, "*/*", "AVIF"),
        ({"format": "auto"}, "image/webp,*/*", "WEBP"),
        ({"format": "auto"}, "*/*", "JPEG"),
    ],
    ids=str,
)
async def test_formats_are_as_wished(gallery, lamp, wish, accept, kind):
    answer = await gallery.get(await gallery.url(lamp, {"width": 30, **wish}), accept=accept)
    assert gallery.seen(answer).format == kind
    assert answer.headers["content-type"] == Image.MIME[kind]


async def test_formats_browsers_do_not_show_become_jpeg(gallery):
    file = await gallery.uploaded(gallery.picture(kind="TIFF"))
    assert (await gallery.shown(file, {"width": 30})).format == "JPEG"
    palette = io.BytesIO()
    Image.new("P", (40, 40)).save(palette, "GIF", transparency=0)
    file = await gallery.uploaded(palette.getvalue(), fileName="p.gif")
    assert (await gallery.shown(file, {"width": 20})).format == "GIF"
    assert near((await gallery.shown(file, {"width": 20, "format": "jpg"})).getpixel((5, 5)), WHITE)


async def test_a_picture_is_upright_and_says_nothing_of_its_maker(gallery):
    file = await gallery.uploaded(gallery.picture((400, 200), "JPEG", gps=True, orientation=6))
    preview = await gallery.shown(file, {"width": 100})
    assert preview.size == (100, 200)
    assert dict(preview.getexif()) == {}
    assert "exif" not in preview.info
    assert near(preview.getpixel((50, 20)), RED)


async def test_a_watermark_is_written_over_the_picture(gallery, lamp):
    plain = await gallery.shown(lamp, {"width": 200})
    mark = {
        "overlay": {
            "type": "text",
            "text": "© Souk, preview",
            "transformation": [
                {"font_size": "bw_mul_0.12", "font_color": "FFFFFF80", "rotation": "N30", "padding": 5, "alpha": 8}
            ],
        }
    }
    marked = (await gallery.shown(lamp, {"width": 200} | mark)).convert("RGB")
    assert marked.size == plain.size
    changed = sum(a != b for a, b in zip(plain.get_flattened_data(), marked.get_flattened_data(), strict=True))
    assert 200 < changed < 200 * 133 / 2


async def test_texts_lie_where_they_are_put(gallery, lamp):
    def block(**position):
        style = {"font_size": 10, "background": "00FF00", "font_color": "00FF00", "padding": 3, "width": 60}
        return {"overlay": {"type": "text", "text": "a lamp", "position": position, "transformation": [style]}}

    async def pixel(place, **position):
        return (await gallery.shown(lamp, block(**position))).convert("RGB").getpixel(place)

    assert await pixel((1, 1), focus="top_left") == (0, 255, 0)
    assert await pixel((298, 198), focus="bottom_right") == (0, 255, 0)
    assert await pixel((150, 100)) == (0, 255, 0)
    assert await pixel((11, 21), x=10, y=20) == (0, 255, 0)
    assert await pixel((50, 150), x_center=50, y_center="bh_mul_0.75") == (0, 255, 0)
    assert await pixel((1, 1), x=10, y=20) == RED


async def test_texts_may_be_base64_in_lines_and_named_colours(gallery, lamp):
    text = base64.b64encode("zwei Wörter".encode()).decode().replace("=", "%3D")
    raw = f"l-text,ie-{text},fs-12,w-20,ia-left,co-red,bg-FFFFFFAA,l-end"
    await gallery.uploaded(isPrivateFile="false", fileName="free.png")
    written = gallery.seen(await gallery.get(f"{gallery.endpoint}/souk/0197/asset/free.png?tr={raw}"))
    assert written.getpixel((150, 100)) != RED
    assert (await gallery.shown(lamp, {"overlay": {"type": "text", "text": "é", "encoding": "base64"}})).size == (
        300,
        200,
    )


@pytest.mark.parametrize(
    "raw",
    [
        "w-", "w-x", "w-0", "w-99999999,h-99999", "c-odd,w-1,h-1", "zz-1", "w-1,,h-1", "l-image,i-x.png,l-end",
        "l-text,i-open", "l-text,l-end", "l-text,ie-!,l-end", "l-text,i-a,zz-1,l-end", "l-text,i-a,co-nocolour,l-end",
        "f-exe", "ar-0-1,w-5", "w-iw_div_0", "w-iw_pow_2", "w-iw_mul", "l-text,i-abcdefghij,fs-2000,l-end", "rt-x",
        ":".join(["w-5"] * 60),
    ],
)  # fmt: skip
async def test_transformations_that_cannot_be_done_are_refused(gallery, raw):
    await gallery.uploaded(isPrivateFile="false", fileName="free.png")
    answer = await gallery.get(f"{gallery.endpoint}/souk/0197/asset/free.png?tr={raw}")
    assert (answer.status_code, answer.headers["ik-error"][:22]) == (400, "EINVALIDTRANSFORMATION"), answer.text
