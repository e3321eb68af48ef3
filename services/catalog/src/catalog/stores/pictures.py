"""What a file is by its content, and the pictures that everybody may see of an image."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Final

import filetype
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

HEAD: Final = 8192
PREVIEW, THUMBNAIL = "preview.jpg", "thumbnail.jpg"
PREVIEW_SIDE, THUMBNAIL_SIDE = 1200, 400
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF")
_SHARE_OF_WIDTH: Final = 6
_SMALLEST_LETTERS: Final = 12
_SEEN_THROUGH: Final = (255, 255, 255, 110)
_SHADOW: Final = (0, 0, 0, 110)
_BOMBS: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)  # what does not fit into a memory
_VAST: Final = (2**31 - 1, 2**31 - 1)
# What Pillow raises for a file that is broken, hostile, or no image at all.
_BROKEN: Final = (
    *_BOMBS,
    UnidentifiedImageError,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    MemoryError,
)


def sniff(head: bytes) -> str | None:
    """Return the type that the first bytes of a file show, or None."""
    kind = filetype.guess(head) if head else None
    return None if kind is None else str(kind.mime)


def measure(file: IO[bytes]) -> tuple[int, int] | None:
    """Return the width and height an image's header names, nothing decoded; None for a header that cannot be read."""
    try:
        with Image.open(file, formats=_FORMATS) as image:
            return image.size
    except _BOMBS:
        return _VAST
    except _BROKEN:
        return None


def render(file: IO[bytes], watermark: str) -> Mapping[str, bytes]:
    """Return the pictures of an image by their names; raises ValueError for what cannot be decoded.

    They are drawn anew: nothing of the original's metadata is in them.
    """
    try:
        with Image.open(file, formats=_FORMATS) as image:
            image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
            plain = _opaque(upright)
    except _BROKEN as error:
        raise ValueError("not an image that can be decoded") from error
    preview = _marked(plain, watermark)
    thumbnail = preview.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return {PREVIEW: _jpeg(preview), THUMBNAIL: _jpeg(thumbnail)}


def _opaque(image: Image.Image) -> Image.Image:
    whole = image.convert("RGBA")
    ground = Image.new("RGBA", whole.size, "white")
    ground.alpha_composite(whole)
    return ground


def _marked(image: Image.Image, watermark: str) -> Image.Image:
    marks = Image.new("RGBA", image.size)
    letters = max(_SMALLEST_LETTERS, image.width // _SHARE_OF_WIDTH)
    draw, middle = ImageDraw.Draw(marks), (image.width / 2, image.height / 2)
    font = ImageFont.load_default(letters)
    draw.text(middle, watermark, fill=_SEEN_THROUGH, font=font, anchor="mm", stroke_width=1, stroke_fill=_SHADOW)
    return Image.alpha_composite(image, marks).convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    written = BytesIO()
    image.save(written, "JPEG", quality=80, optimize=True)
    return written.getvalue()
