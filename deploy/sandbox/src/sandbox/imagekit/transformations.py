"""Transformation strings: `w-300,h-200,c-at_max:l-text,i-Souk,fs-20,l-end` (imagekit.io/docs/transformations)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

_NAMED: Final = {"ik_ml_thumbnail": "w-300,h-300,c-at_max"}
_IMAGE_KEYS: Final = frozenset("w h c cm fo q f bg bl rt n orig pr lo md cp dpr ar x y e-grayscale".split())
_TEXT_KEYS: Final = frozenset("i ie fs ff co bg pa al rt ia w lh tg r fl lx ly lxc lyc lfo lap".split())
_NUMBER: Final = re.compile(r"N?\d+(\.\d+)?")
_MOST: Final = 50


class TransformationError(ValueError):
    """A transformation that cannot be done."""


@dataclass(frozen=True)
class Step:
    """One link of the chain: what to do to the image, then the text layers to put on it."""

    keys: dict[str, str] = field(default_factory=dict)
    layers: list[dict[str, str]] = field(default_factory=list)


class _Chain:
    """The steps so far, and the layer that has not ended yet."""

    def __init__(self) -> None:
        self.steps = [Step()]
        self.layer: dict[str, str] | None = None

    def take(self, separator: str, name: str, value: str) -> None:
        """One more item."""
        if self.layer is not None:
            self._within(self.layer, name, value)
            return
        if separator == ":":
            self.steps.append(Step())
        if name == "l":
            if value != "text":
                raise TransformationError(f"the sandbox draws no {value} layers")
            self.layer = {}
        elif name not in _IMAGE_KEYS:
            raise TransformationError(f"the sandbox knows no {name}")
        else:
            self.steps[-1].keys[name] = value

    def _within(self, layer: dict[str, str], name: str, value: str) -> None:
        if name == "l" and value == "end":
            self.steps[-1].layers.append(layer)
            self.layer = None
        elif name in _TEXT_KEYS:
            layer[name] = value
        else:
            raise TransformationError(f"a text knows no {name}")


def parse(raw: str) -> list[Step]:
    """The chain a string means; it may be percent-encoded. Raises `TransformationError`."""
    chain = _Chain()
    for separator, item in re.findall(r"(^|[,:])([^,:]*)", raw):
        if not item or len(chain.steps) > _MOST:
            raise TransformationError("the transformation is not readable")
        chain.take(separator, *_pair(item))
    if chain.layer is not None:
        raise TransformationError("a layer does not end")
    return [named for step in chain.steps for named in _expanded(step)]


def only_named(raw: str) -> bool:
    """Whether a string names nothing but transformations of the account, which need no signature."""
    return bool(raw) and all(item.startswith("n-") and item[2:] in _NAMED for item in re.split("[,:]", raw))


def _pair(item: str) -> tuple[str, str]:
    name, _, value = item.partition("-")
    if name == "e":  # effects have a name of their own, and may have values
        effect, _, value = value.partition("-")
        name = f"e-{effect}"
    return name, unquote(value)


def _expanded(step: Step) -> list[Step]:
    if "n" not in step.keys:
        return [step]
    if step.keys["n"] not in _NAMED:
        raise TransformationError(f"there is no transformation {step.keys['n']}")
    return parse(_NAMED[step.keys["n"]])


def measure(text: str, names: Mapping[str, float]) -> float:
    """A number, `N` before a negative one, or arithmetic from left to right: `bw_mul_0.5`. Raises an error of ours."""
    first, *rest = text.split("_")
    total = _operand(first, names)
    if len(rest) % 2:
        raise TransformationError(f"{text} is no number")
    for sign, operand in zip(rest[::2], rest[1::2], strict=True):
        value = _operand(operand, names)
        if sign not in {"add", "sub", "mul", "div", "mod"} or (sign in {"div", "mod"} and not value):
            raise TransformationError(f"{text} is no number")
        total = _calculated(total, sign, value)
    return total


def _calculated(left: float, sign: str, right: float) -> float:
    if sign in {"add", "sub"}:
        return left + right if sign == "add" else left - right
    if sign == "mul":
        return left * right
    return left / right if sign == "div" else left % right


def _operand(text: str, names: Mapping[str, float]) -> float:
    if text in names:
        return names[text]
    if not text.isascii() or not _NUMBER.fullmatch(text):
        raise TransformationError(f"{text} is no number")
    return -float(text[1:]) if text.startswith("N") else float(text)
