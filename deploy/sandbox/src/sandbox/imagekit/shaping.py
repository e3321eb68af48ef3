"""The arithmetic of sizes: what a resize comes to, and where its focus is (imagekit.io/docs/image-resize-and-crop)."""

from collections.abc import Mapping
from typing import Final

from sandbox.imagekit.transformations import TransformationError, measure

Size = tuple[int, int]
_LARGEST_OUTPUT: Final = 50_000_000
_ACROSS: Final = {"left": 0.0, "right": 1.0}
_DOWN: Final = {"top": 0.0, "bottom": 1.0}
_WAYS: Final = frozenset("maintain_ratio force at_max at_max_enlarge at_least extract pad_resize".split())


def way(keys: Mapping[str, str]) -> str:
    """How both lengths are met: `c` and `cm` are two names of one choice. Raises `TransformationError`."""
    chosen = keys.get("cm") or keys.get("c", "maintain_ratio")
    if chosen not in _WAYS:
        raise TransformationError(f"the sandbox does not crop by {chosen}")
    return chosen


def target(size: Size, keys: Mapping[str, str]) -> Size:
    """The size of the outcome. Raises `TransformationError`."""
    width, height = _length(keys.get("w"), size, 0), _length(keys.get("h"), size, 1)
    if width is None and height is None:
        return size
    ratio = _ratio(keys.get("ar"), size)
    exact = (width or (height or 1) * ratio, height or (width or 1) / ratio)
    if width is not None and height is not None:
        exact = _both(size, (width, height), way(keys))
    pixels = (max(1, round(exact[0])), max(1, round(exact[1])))
    if pixels[0] * pixels[1] > _LARGEST_OUTPUT:
        raise TransformationError("the outcome would have too many pixels")
    return pixels


def focus(keys: Mapping[str, str]) -> tuple[float, float]:
    """What to keep when something is cut off, as shares of width and height; faces are looked for in the middle."""
    words = keys.get("fo", "center").split("_")
    across = next((_ACROSS[word] for word in words if word in _ACROSS), 0.5)
    return across, next((_DOWN[word] for word in words if word in _DOWN), 0.5)


def _both(size: Size, wanted: tuple[float, float], chosen: str) -> tuple[float, float]:
    scales = (wanted[0] / size[0], wanted[1] / size[1])
    scale = {"at_max": min(1.0, *scales), "at_max_enlarge": min(scales), "at_least": max(scales)}.get(chosen)
    return wanted if scale is None else (size[0] * scale, size[1] * scale)


def _length(text: str | None, size: Size, side: int) -> float | None:
    """Pixels; less than one is a share of the whole side."""
    if text in {None, "auto"}:
        return None
    length = measure(str(text), {"iw": size[0], "ih": size[1]})
    if length <= 0:
        raise TransformationError(f"{text} is no length")
    return length * size[side] if length < 1 else length


def _ratio(text: str | None, size: Size) -> float:
    """Width by height, as `4-3`; the image's own if nothing is said."""
    if text is None:
        return size[0] / size[1]
    across, _, down = text.partition("-")
    if not across.isdecimal() or not down.isdecimal() or not int(across) * int(down):
        raise TransformationError(f"{text} is no ratio")
    return int(across) / int(down)
