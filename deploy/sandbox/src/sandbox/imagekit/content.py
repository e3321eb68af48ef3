"""What a file is by its bytes: its type, and of an image the size and what the camera wrote, without decoding it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from sandbox.provider import JsonObject

PIXEL_CAP: Final = 100_000_000  # an image with more is never decoded
_HEAD: Final = 512
_BY_NAME: Final = {
    "svg": "image/svg+xml", "html": "text/html", "htm": "text/html", "xml": "application/xml", "css": "text/css",
    "js": "application/javascript", "json": "application/json", "txt": "text/plain", "csv": "text/csv",
}  # fmt: skip
_MAGIC: Final = (
    (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"), (b"PK\x03\x04", "application/zip"), (b"PK\x05\x06", "application/zip"),
    (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"\xff\xf3", "audio/mpeg"),
    (b"MZ", "application/x-msdownload"), (b"\x7fELF", "application/x-executable"), (b"\x1f\x8b", "application/gzip"),
)  # fmt: skip
_BRANDS: Final = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"mif1": "image/heic",
    b"qt  ": "video/quicktime",
}  # fmt: skip
FORMATS: Final = {
    "image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP", "image/avif": "AVIF",
    "image/tiff": "TIFF", "image/bmp": "BMP",
}  # fmt: skip
_BROKEN: Final = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, RuntimeError)


def mime_of(head: bytes, name: str) -> str:
    """The type: binary files by their first bytes, text by the name's ending, as ImageKit tells them apart."""
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    ending = name.rpartition(".")[2].lower()
    return _BY_NAME.get(ending, "application/octet-stream") if b"\0" not in head else "application/octet-stream"


def facts_of(path: Path, name: str) -> JsonObject:
    """Type, size and, of an image, its dimensions: mime, size, fileType, width, height, hasAlpha, exif and more."""
    with path.open("rb") as file:
        mime = mime_of(file.read(_HEAD), name)
    facts: JsonObject = {
        "mime": mime,
        "size": path.stat().st_size,
        "fileType": "image" if mime.startswith("image/") else "non-image",
    }
    if mime in FORMATS:
        try:
            with opened(path, mime) as image:
                facts |= _seen(image)
        except _BROKEN:
            return facts
    return facts


def opened(path: Path, mime: str) -> ImageFile:
    """An image of which only the header was read. Raises one of many errors when it is broken."""
    Image.init()
    # Not Image.open: it refuses to tell the size of images that are too large for it.
    factory = cast("Callable[[str], ImageFile]", Image.OPEN[FORMATS[mime]][0])
    return factory(str(path))


def exif_of(image: ImageFile) -> Image.Exif:
    """What the camera wrote, as far as it stands before the pixels: Pillow would decode a whole PNG to look behind."""
    if isinstance(image, PngImageFile) and not image.info.keys() & {"exif", "Raw profile type exif"}:
        return Image.Exif()
    return image.getexif()


def _seen(image: ImageFile) -> JsonObject:
    exif = exif_of(image)
    return {
        "width": image.width,
        "height": image.height,
        "hasAlpha": image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info,
        "orientation": exif.get(ExifTags.Base.Orientation, 1),
        "hasColorProfile": "icc_profile" in image.info,
        "density": _density(image.info.get("dpi")),
        "exif": {
            "image": _plain(exif, ExifTags.TAGS),
            "gps": _plain(exif.get_ifd(ExifTags.IFD.GPSInfo), ExifTags.GPSTAGS),
        },
    }


def _density(dpi: Any) -> int:  # noqa: ANN401 - each format has its own type
    try:
        return round(float(dpi[0]))
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return 72


def _plain(tags: Any, names: dict[int, str]) -> JsonObject:  # noqa: ANN401 - Exif is a mapping of its own kind
    """The readable part of a block of tags, by name, as JSON."""
    found = {names.get(number, ""): _json(value) for number, value in dict(tags).items()}
    return {name: value for name, value in found.items() if name and value is not None}


def _json(value: Any) -> Any:  # noqa: ANN401 - whatever a camera writes
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    try:
        return value if isinstance(value, int) else round(float(value), 6)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
