"""Text layers: watermarks and captions (imagekit.io/docs/add-overlays-on-images: text)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageFont

from sandbox.imagekit.transformations import TransformationError, measure

Layer = Mapping[str, str]
_LONGEST: Final = 144
_LARGEST: Final = 2000.0
_ACROSS: Final = {"left": 0.0, "right": 1.0}
_DOWN: Final = {"top": 0.0, "bottom": 1.0}
_OPAQUE: Final = 255
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def colour(text: str) -> tuple[int, int, int, int]:
    """RGB in hexadecimal digits, two decimal digits of opacity behind them if wanted, or a name."""
    opacity = _OPAQUE
    if len(text) == 8 and set(text) <= _HEX:  # noqa: PLR2004 - RRGGBB and the opacity
        share = int(text[6:]) / 100 if text[6:].isdecimal() else int(text[6:], 16) / _OPAQUE
        text, opacity = text[:6], round(share * _OPAQUE)
    try:
        red, green, blue = ImageColor.getrgb(f"#{text}" if set(text) <= _HEX and len(text) in {3, 6} else text)[:3]
    except ValueError as error:
        raise TransformationError(f"{text} is no colour") from error
    return red, green, blue, opacity


def written(image: Image.Image, layer: Layer) -> Image.Image:
    """The image with a text on it. Raises `TransformationError`."""
    base = image.convert("RGBA")
    names = {"bw": base.width, "bh": base.height, "iw": base.width, "ih": base.height}
    tile = _tile(layer, names)
    names |= {"cw": tile.width, "ch": tile.height}
    sheet = Image.new("RGBA", base.size)
    sheet.paste(tile, _place(base.size, tile.size, layer, names))
    return Image.alpha_composite(base, sheet)


def _tile(layer: Layer, names: Mapping[str, float]) -> Image.Image:
    """The text alone, on as much ground as it needs."""
    size = min(_LARGEST, max(1.0, measure(layer.get("fs", "14"), names)))
    font = ImageFont.load_default(size)
    text = _wrapped(_text(layer), font, measure(layer["w"], names) if "w" in layer else None)
    scratch = ImageDraw.Draw(Image.new("RGBA", (1, 1)))
    align = layer.get("ia", "center")
    left, top, right, bottom = scratch.multiline_textbbox((0, 0), text, font=font, align=align)
    around = round(measure(layer.get("pa", "0").split("_")[0], names))
    ground = colour(layer["bg"]) if "bg" in layer else (0, 0, 0, 0)
    sides = (max(1, round(right - left)) + 2 * around, max(1, round(bottom - top)) + 2 * around)
    if sides[0] * sides[1] > names["bw"] * names["bh"] * 4 + 1_000_000:
        raise TransformationError("the text is too large")
    tile = Image.new("RGBA", sides, ground)
    ink = colour(layer.get("co", "000000"))
    ImageDraw.Draw(tile).multiline_text((around - left, around - top), text, ink, font, align=align)
    if "al" in layer:
        share = min(9.0, max(1.0, measure(layer["al"], names))) / 10
        tile.putalpha(tile.getchannel("A").point(lambda value: value * share))
    if "rt" in layer:
        return tile.rotate(-measure(layer["rt"], names), Image.Resampling.BICUBIC, expand=True)
    return tile


def _text(layer: Layer) -> str:
    """What is to be written: plain, or in base64."""
    text = layer.get("i", "")
    if "ie" in layer:
        try:
            text = base64.b64decode(layer["ie"], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise TransformationError("the text is not base64") from error
    if not text:
        raise TransformationError("a text layer needs a text")
    return text[:_LONGEST]


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float | None) -> str:
    """The text in lines of at most so many pixels; a long word stays whole."""
    if width is None:
        return text
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _place(base: tuple[int, int], tile: tuple[int, int], layer: Layer, names: Mapping[str, float]) -> tuple[int, int]:
    """Where the tile's corner goes: by the left and top edges given, by its middle, or by a word."""
    words = layer.get("lfo", "center").split("_")
    exact = bool({"lx", "ly", "lxc", "lyc"} & layer.keys())
    shares = [next((place[word] for word in words if word in place), 0.5) for place in (_ACROSS, _DOWN)]
    corner = []
    for side, (edge, middle) in enumerate((("lx", "lxc"), ("ly", "lyc"))):
        if edge in layer:
            corner.append(measure(layer[edge], names))
        elif middle in layer:
            corner.append(measure(layer[middle], names) - tile[side] / 2)
        else:
            corner.append(0.0 if exact else (base[side] - tile[side]) * shares[side])
    return round(corner[0]), round(corner[1])
