"""A proof as one HTML page that needs nothing else: what struck when, and how it felt to buy meanwhile."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import quantiles
from typing import Final

from souk.home import SERVICES
from souk.prove.arsenal import BROKER, POSTGRES, PROVIDERS
from souk.prove.charts import Axis, Bar, Points, bars, lines
from souk.prove.nemesis import Struck
from souk.prove.proof import Proof
from souk.prove.telling import made, waits

_STYLE: Final = (Path(__file__).parent / "page.css").read_text()
_BUCKETS: Final = 90
_COMMON, _HEADROOM = 0.96, 1.3
_SHORTEST, _DECADES = 0.01, 4  # seconds: the waits are drawn from 10 ms to 100 s
_DECADE_WORDS: Final = ((0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"), (100, "100 s"))
_KINDS: Final[Mapping[str, str]] = {BROKER: "broker", POSTGRES: "postgres", PROVIDERS: "providers"}


def write_page(file: Path, proof: Proof) -> None:
    """Write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(proof))


def render(proof: Proof) -> str:
    """Return the page."""
    title = f"Proof of seed {proof.seed}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>{title}</h1>{''.join(_parts(proof))}</main></body></html>\n"
    )


def _parts(proof: Proof) -> Iterator[str]:
    axis = Axis(max([proof.lasted, *(struck.ended for struck in proof.struck), 1.0]))
    good = f"Every promise was kept, in {proof.rows:,} rows."
    verdict = f"{len(proof.wrong)} findings." if proof.wrong else good
    yield f'<p class="verdict {"bad" if proof.wrong else "good"}">{verdict}</p>'
    yield f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in proof.wrong)}</ul>" if proof.wrong else ""
    yield _table(_facts(proof))
    yield "<h2>What struck when</h2>" + _legend({"broker": "broker", "postgres": "databases"})
    yield _legend({"providers": "providers", "services": "processes", "crowd": "crowds"})
    yield bars(axis, [_bar(struck) for struck in proof.struck])
    yield from _curves(proof, axis)
    yield "<h2>What each fault did</h2>" + _struck(proof.struck)
    yield "<h2>How the purchases ended</h2>" + _table((name, str(n)) for name, n in proof.outcomes.most_common())


def _facts(proof: Proof) -> Iterator[tuple[str, str]]:
    yield "made", made(proof)
    yield from waits(proof)
    yield "up again", f"{proof.recovered:.1f} s after the last fault"
    yield "drained", f"{proof.drained:.0f} s after the last customer had left"


def _bar(struck: Struck) -> Bar:
    planned = struck.planned
    kinds = [kind for part, kind in _KINDS.items() if part in planned.parts]
    kind = kinds[0] if kinds else "services" if planned.parts & set(SERVICES) else "crowd"
    hint = " ".join([planned.weapon.sentence, struck.blow.note, *struck.wrong])
    return Bar(planned.name, f"{kind} missed" if struck.wrong else kind, struck.began, struck.ended, hint)


def _curves(proof: Proof, axis: Axis) -> Iterator[str]:
    width = max(1.0, math.ceil(axis.seconds / _BUCKETS))
    begins = [(each.began - proof.began, each) for each in proof.purchases]
    placed = [(at, each.placed_in) for at, each in begins if each.placed_in is not None]
    paid = [(at, each.paid_in) for at, each in begins if each.paid_in is not None]
    came = _spread([(at, 1.0) for at, _ in begins], width, lambda found: len(found) / width)
    ended = _spread([(at, 1.0) for at, _ in paid], width, lambda found: len(found) / width)
    yield "<h2>Purchases begun each second, and those of them that were paid as planned</h2>"
    yield _legend({"first": "begun", "second": "paid"}) + _linear(axis, {"first": came, "second": ended})
    waits = {"first": placed, "second": paid}
    for words, take in (("median", _median), ("the slowest hundredth", _slowest)):
        yield f"<h2>How long it took, {words}</h2>" + _legend({"first": "order placed", "second": "card to paid"})
        drawn = {kind: _spread(found, width, take) for kind, found in waits.items()}
        yield lines(axis, drawn, lambda value: math.log10(max(value, _SHORTEST) / _SHORTEST) / _DECADES, _DECADE_WORDS)
    if proof.pulse:
        yield "<h2>Purchases under way</h2>" + _linear(axis, {"first": sorted(proof.pulse.in_flight.items())})
        failed = _spread([(at, n) for at, n in proof.pulse.failed.items()], width, lambda found: sum(found) / width)
        answered = _spread([(at, n) for at, n in proof.pulse.answered.items()], width, lambda found: sum(found) / width)
        yield "<h2>Answers each second</h2>" + _legend({"first": "2xx", "failing": "5xx"})
        yield _linear(axis, {"first": answered, "failing": failed})


def _spread(found: Iterable[tuple[float, float]], width: float, take: Callable[[Sequence[float]], float]) -> Points:
    buckets: defaultdict[int, list[float]] = defaultdict(list)
    for at, value in found:
        buckets[int(at // width)].append(value)
    return [(bucket * width + width / 2, take(buckets[bucket])) for bucket in sorted(buckets)]


def _median(found: Sequence[float]) -> float:
    return sorted(found)[len(found) // 2]


def _slowest(found: Sequence[float]) -> float:
    return quantiles(found, n=100)[98] if len(found) > 1 else found[0]


def _linear(axis: Axis, series: Mapping[str, Points]) -> str:
    values = sorted(value for points in series.values() for _, value in points) or [1.0]
    top = values[int(len(values) * _COMMON)] * _HEADROOM or 1  # a crowd that comes at once does not flatten the rest
    marks = [(value, f"{value:.0f}" if top > _DECADES else f"{value:.1f}") for value in (0, top / 2, top)]
    return lines(axis, series, lambda value: value / top, marks)


def _legend(kinds: Mapping[str, str]) -> str:
    return "".join(f'<span class="key"><i class="{kind}"></i>{words}</span>' for kind, words in kinds.items())


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def _struck(struck: Sequence[Struck]) -> str:
    head = "<tr><th></th><th>planned</th><th>lasted</th><th>fired</th><th></th></tr>"
    return f"<table>{head}{''.join(map(_row, struck))}</table>"


def _row(struck: Struck) -> str:
    planned = struck.planned
    said = "; ".join(filter(None, [*struck.wrong, struck.blow.note]))
    return (
        f'<tr class="{"bad" if struck.wrong else ""}"><th>{escape(planned.name)}</th><td>{planned.at:.0f} s</td>'
        f"<td>{struck.began:.0f}–{struck.ended:.0f} s</td><td>{struck.blow.fired}×</td>"
        f"<td>{escape(planned.weapon.sentence)} <em>{escape(said)}</em></td></tr>"
    )
