"""Images as transformations want them: resized, cropped, written over, in another format."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image, ImageFilter, ImageOps
from PIL.ImageFile import ImageFile

from sandbox.imagekit.content import FORMATS, PIXEL_CAP, exif_of, opened
from sandbox.imagekit.lettering import colour, written
from sandbox.imagekit.shaping import Size, focus, target, way
from sandbox.imagekit.transformations import Step, TransformationError, measure

_OUTPUTS: Final = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif",
    "gif": "image/gif",
}  # fmt: skip
_WITHOUT_ALPHA: Final = frozenset({"image/jpeg"})
_ON_ITS_SIDE: Final = 5  # orientations from here on swap width and height


def rendered(path: Path, mime: str, steps: list[Step], accept: str) -> tuple[bytes, str]:
    """An image transformed, and its type. Raises `TransformationError`, and many others when the image is broken."""
    if mime not in FORMATS:
        raise TransformationError("only images are transformed")
    with opened(path, mime) as source:
        if source.width * source.height > PIXEL_CAP:
            raise TransformationError("the image has more pixels than may be decoded")
        image, size = _decoded(source, steps[0].keys)
    for step in steps:
        image = _affected(_shaped(image, size, step.keys), step.keys)
        for layer in step.layers:
            image = written(image, layer)
        size = image.size
    wishes = {name: value for step in steps for name, value in step.keys.items()}
    return _saved(image, _type(wishes.get("f", ""), mime, accept), wishes)


def _decoded(source: ImageFile, keys: Mapping[str, str]) -> tuple[Image.Image, Size]:
    """The picture upright, and how large it really is: of a JPEG no more is decoded than the outcome needs."""
    turned = exif_of(source).get(ExifTags.Base.Orientation, 1) >= _ON_ITS_SIDE
    size = (source.height, source.width) if turned else source.size
    if way(keys) != "extract":
        side = 2 * max(target(size, keys))
        source.draft(source.mode, (side, side))
    return ImageOps.exif_transpose(source), size


def _shaped(image: Image.Image, size: Size, keys: Mapping[str, str]) -> Image.Image:
    """Resized and cropped, as an image of this true size would be."""
    wanted, chosen = target(size, keys), way(keys)
    if image.mode in {"P", "1", "CMYK", "I;16", "I", "F"}:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if chosen == "extract" and {"w", "h"} <= keys.keys():
        return _extracted(image, wanted, keys)
    if chosen == "pad_resize" and {"w", "h"} <= keys.keys():
        return ImageOps.pad(
            image.convert("RGBA"), wanted, color=colour(keys.get("bg", "FFFFFF")), centering=focus(keys)
        )
    if chosen == "force" or {"w", "h"} - keys.keys():
        return image if image.size == wanted else image.resize(wanted, Image.Resampling.LANCZOS)
    return ImageOps.fit(image, wanted, Image.Resampling.LANCZOS, centering=focus(keys))


def _extracted(image: Image.Image, wanted: Size, keys: Mapping[str, str]) -> Image.Image:
    """A part of the image as it is; `x` and `y` say where, else the focus."""
    width, height = min(wanted[0], image.width), min(wanted[1], image.height)
    across, down = focus(keys)
    left = round(measure(keys["x"], {}) if "x" in keys else (image.width - width) * across)
    top = round(measure(keys["y"], {}) if "y" in keys else (image.height - height) * down)
    left, top = (max(0, min(left, image.width - width)), max(0, min(top, image.height - height)))
    return image.crop((left, top, left + width, top + height))


def _affected(image: Image.Image, keys: Mapping[str, str]) -> Image.Image:
    if "rt" in keys and keys["rt"] != "auto":
        image = image.rotate(-measure(keys["rt"], {}), Image.Resampling.BICUBIC, expand=True)
    if "bl" in keys:
        image = image.filter(ImageFilter.GaussianBlur(min(100.0, measure(keys["bl"], {}))))
    return image.convert("LA" if image.mode in {"RGBA", "LA"} else "L") if "e-grayscale" in keys else image


def _type(wish: str, mime: str, accept: str) -> str:
    """The type of the outcome: as wished, by what the browser takes, or as it was where browsers show that."""
    if wish == "auto":
        return next((kind for kind in ("image/avif", "image/webp") if kind in accept), "image/jpeg")
    if wish and wish not in _OUTPUTS:
        raise TransformationError(f"the sandbox makes no {wish}")
    return _OUTPUTS.get(wish) or (mime if mime in _OUTPUTS.values() else "image/jpeg")


def _saved(image: Image.Image, mime: str, wishes: Mapping[str, str]) -> tuple[bytes, str]:
    """The bytes, without anything a camera wrote."""
    if mime in _WITHOUT_ALPHA and image.mode not in {"RGB", "L"}:
        ground = Image.new("RGBA", image.size, colour(wishes.get("bg", "FFFFFF")))
        image = Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    quality = round(min(100.0, max(1.0, measure(wishes.get("q", "80"), {}))))
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    file = io.BytesIO()
    clean.save(file, FORMATS[mime], **({} if mime in {"image/png", "image/gif"} else {"quality": quality}))
    return file.getvalue(), mime
