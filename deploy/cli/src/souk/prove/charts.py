"""Charts as SVG on one time axis: lines over the seconds of a run, and bars for what lasted a while."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

LEFT, WIDTH, RIGHT = 150, 820, 20
_HIGH: Final = 110
_ROW: Final = 20
_TICKS: Final = (5, 10, 15, 30, 60, 120, 300, 600)
_MOST_TICKS: Final = 13
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that lasted from one second to another; `kind` is a class of the page's style."""

    name: str
    kind: str
    began: float
    ended: float
    hint: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The seconds of a run, laid out from left to right."""

    seconds: float

    def x(self, second: float) -> float:
        """Return where a second is."""
        return round(LEFT + WIDTH * min(max(second, 0), self.seconds) / self.seconds, 1)

    def grid(self, high: float, *, numbers: bool = False) -> Iterator[str]:
        """Yield a line for each tick, with its number where wanted."""
        step = next((each for each in _TICKS if self.seconds / each <= _MOST_TICKS), 3600)
        for second in range(0, int(self.seconds) + 1, step):
            yield f'<line class="grid" x1="{self.x(second)}" x2="{self.x(second)}" y1="0" y2="{high}"/>'
            if numbers:
                yield f'<text class="tick" x="{self.x(second)}" y="{high + 14}">{second} s</text>'


def bars(axis: Axis, given: Sequence[Bar]) -> str:
    """Return a row per bar, its name before it."""
    high = _ROW * len(given)
    parts = [*axis.grid(high, numbers=True)]
    for row, bar in enumerate(given):
        left, right = axis.x(bar.began), axis.x(bar.ended)
        parts.append(
            f'<g><title>{escape(bar.hint)}</title><text class="name" x="{LEFT - 8}" y="{row * _ROW + 14}">'
            f'{escape(bar.name)}</text><rect class="{bar.kind}" x="{left}" y="{row * _ROW + 3}" '
            f'width="{max(right - left, 3):.1f}" height="{_ROW - 6}" rx="3"/></g>'
        )
    return _svg(high + 20, parts)


def lines(
    axis: Axis, series: Mapping[str, Points], scale: Callable[[float], float], marks: Sequence[tuple[float, str]]
) -> str:
    """Return a line per series, by its class; `scale` turns values into 0 to 1, `marks` are the numbers at the side."""

    def y(value: float) -> float:
        return round(_HIGH - _HIGH * min(max(scale(value), 0), 1), 1)

    parts = [*axis.grid(_HIGH)]
    for value, words in marks:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y(value)}" y2="{y(value)}"/>')
        parts.append(f'<text class="name" x="{LEFT - 8}" y="{y(value) + 4}">{escape(words)}</text>')
    for kind, points in series.items():
        path = " ".join(f"{axis.x(second)},{y(value)}" for second, value in points if second <= axis.seconds)
        parts.append(f'<polyline class="{kind}" points="{path}"/>')
    return _svg(_HIGH + 6, parts)


def _svg(high: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 -6 {LEFT + WIDTH + RIGHT} {high + 8}" role="img">{"".join(parts)}</svg>'
