"""The language of conditions that ImageKit's upload checks and its search share: `"file.size" < "1mb" AND …`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

_TOKEN: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|>=|<=|[=:<>()\[\],]|[^\s"'=:<>()\[\],]+)""")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)", re.IGNORECASE)
_AGO: Final = re.compile(r"(\d+)([hdwmy])")
_UNITS: Final = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_HOURS: Final = {"h": 1, "d": 24, "w": 168, "m": 720, "y": 8760}
_SIGNS: Final = frozenset({"=", ":", ">", ">=", "<", "<=", "IN"})
_FLAGS: Final = {"true": True, "false": False}
_DEEPEST: Final = 20

Value = str | float | bool


class Word(str):
    """A value without quotes."""

    __slots__ = ()


class LanguageError(ValueError):
    """What is written is not of this language."""


class Kind(Enum):
    """What a field holds."""

    TEXT = auto()
    FLAG = auto()
    TAGS = auto()
    NUMBER = auto()
    SIZE = auto()
    DATE = auto()


_ORDERED: Final = frozenset({"=", ">", ">=", "<", "<="})
_ALLOWED: Final = {
    Kind.TEXT: frozenset({"=", "NOT =", ":", "IN", "NOT IN"}),
    Kind.FLAG: frozenset({"=", "NOT ="}),
    Kind.TAGS: frozenset({"IN", "NOT IN"}),
    Kind.NUMBER: _ORDERED,
    Kind.SIZE: _ORDERED,
    Kind.DATE: _ORDERED | {"NOT =", "IN", "NOT IN"},
}


@dataclass(frozen=True)
class Term:
    """A field held against values."""

    field: str
    quoted: bool
    sign: str
    negated: bool
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Group:
    """Conditions of which all, or any, must hold."""

    parts: "tuple[Condition, ...]"
    every: bool


Condition = Term | Group


def holds(condition: Condition, judge: Callable[[Term], bool]) -> bool:
    """Whether a condition is true; every term is judged, so that a wrong one is always found."""
    if isinstance(condition, Term):
        return judge(condition)
    judged = [holds(part, judge) for part in condition.parts]
    return all(judged) if condition.every else any(judged)


def parse(text: str) -> Condition:
    """The condition a text means. Raises `LanguageError`."""
    reader = _Reader(_tokens(text))
    condition = reader.either(0)
    reader.end()
    return condition


def compare(term: Term, kind: Kind, actual: object, *, strict: bool = True) -> bool:
    """Whether a value satisfies a term; strictly only the documented operators. Raises `LanguageError`."""
    sign = f"NOT {term.sign}" if term.negated else term.sign
    if strict and sign not in _ALLOWED[kind]:
        raise LanguageError(f"{term.field} knows no {sign}")
    wanted = [_read(kind, value) for value in term.values]
    return _compared(term.sign, actual, wanted) is not term.negated


def _compared(sign: str, actual: object, wanted: list[Value]) -> bool:
    if isinstance(actual, list):
        return any(value in actual for value in wanted)
    if sign in {"=", "IN"}:
        return actual in wanted
    if sign == ":":
        return str(actual).startswith(str(wanted[0]))
    if not isinstance(actual, int | float) or not isinstance(wanted[0], int | float):
        return False
    left, right = float(actual), float(wanted[0])
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[sign]


def _read(kind: Kind, value: Value) -> Value:
    if kind is Kind.SIZE and isinstance(value, str):
        return _size(value)
    if kind is Kind.DATE:
        return moment(str(value))
    fits = {Kind.TEXT: str, Kind.FLAG: bool, Kind.NUMBER: float, Kind.SIZE: float}.get(kind)
    if fits is not None and not isinstance(value, fits):
        raise LanguageError(f"{value} does not fit")
    return value


def _size(text: str) -> float:
    found = _SIZE.fullmatch(text)
    if found is not None:
        return float(found[1]) * _UNITS[found[2].lower()]
    if _NUMBER.fullmatch(text):
        return float(text)
    raise LanguageError(f"{text} is no size")


def moment(text: str) -> float:
    """Unix time of a date, or of so many days, weeks, months or years ago. Raises `LanguageError`."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return (datetime.now(UTC) - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])).timestamp()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise LanguageError(f"{text} is no date") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None:
            raise LanguageError("a quote is not closed")
        found.append(match[1])
        place = match.end()
    return found


class _Reader:
    """Tokens, from the first to the last."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0

    def either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self._took("OR"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Group(tuple(parts), every=False)

    def end(self) -> None:
        if self._place < len(self._tokens):
            raise LanguageError(f"{self._tokens[self._place]} is not expected")

    def _both(self, depth: int) -> Condition:
        parts = [self._single(depth)]
        while self._took("AND"):
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else Group(tuple(parts), every=True)

    def _single(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise LanguageError("too many parentheses")
        if self._took("("):
            inner = self.either(depth + 1)
            self._must(")")
            return inner
        field = self._next()
        negated = self._took("NOT")
        sign = self._next().upper()
        if sign not in _SIGNS:
            raise LanguageError(f"{sign} is no operator")
        values = self._listed() if sign == "IN" else (self._value(),)
        return Term(_bare(field), field != _bare(field), sign, negated, values)

    def _listed(self) -> tuple[Value, ...]:
        self._must("[")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._must("]")
        return tuple(values)

    def _value(self) -> Value:
        token = self._next()
        if token in {"(", ")", "[", "]", ","} or token in _SIGNS:
            raise LanguageError(f"{token} is no value")
        if token in _FLAGS:
            return _FLAGS[token]
        if _NUMBER.fullmatch(token):
            return float(token)
        return _bare(token) if _bare(token) != token else Word(token)

    def _took(self, token: str) -> bool:
        there = self._place < len(self._tokens) and self._tokens[self._place].upper() == token
        self._place += there
        return there

    def _must(self, token: str) -> None:
        if not self._took(token):
            raise LanguageError(f"{token} is missing")

    def _next(self) -> str:
        if self._place >= len(self._tokens):
            raise LanguageError("something is missing at the end")
        self._place += 1
        return self._tokens[self._place - 1]


def _bare(token: str) -> str:
    return token[1:-1] if token[:1] in {'"', "'"} else token
