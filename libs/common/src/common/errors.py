"""The ways to fail that every service shares; each knows its HTTP status, its code and its public sentence."""

import re
from collections.abc import Callable
from math import ceil
from typing import Any, ClassVar, Self, TypeVar

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
F = TypeVar("F", bound=Callable[..., Any])


class Problem(Exception):  # noqa: N818 - its name is the public word
    """Something went wrong."""

    # The docstring is the public sentence (RFC 9457 `detail`), the class name in snake case the `code`,
    # and keyword facts become extension members.
    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, **facts: object) -> None:
        super().__init__(type(self).code())
        self.facts = facts
        self.own_headers: dict[str, str] = {}

    def after(self, seconds: float) -> Self:
        """Return the same, asking to come again after so long."""
        self.own_headers["Retry-After"] = str(max(1, ceil(seconds)))
        return self

    @classmethod
    def code(cls) -> str:
        """Return the stable machine-readable code, such as `order_moved_on`."""
        return _WORD.sub("_", cls.__name__).lower()

    @classmethod
    def sentence(cls) -> str:
        """Return the public sentence: the first paragraph of the class's docstring."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


class BadRequest(Problem):
    """The request could not be understood."""

    status = 400


class Unauthenticated(Problem):
    """A valid access token is needed."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Bearer realm="souk"'}


class Forbidden(Problem):
    """You may not do this."""

    status = 403


class NotFound(Problem):
    """There is no such thing, or it is not yours."""

    status = 404


class Conflict(Problem):
    """The thing is not in a state that allows this."""

    status = 409


class PreconditionFailed(Problem):
    """The thing has changed since you read it."""

    status = 412


class Invalid(Problem):
    """The request was understood but is not valid."""

    status = 422


class TooMany(Problem):
    """Too many requests: try again later."""

    status = 429


class Unavailable(Problem):
    """The service cannot answer just now: try again shortly."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}


class NotYet(Exception):  # noqa: N818 - a fact that comes early is no error
    """A fact whose prerequisite has not arrived: the inbox keeps it and tries again when its neighbours are done."""


def raises(*problems: type[Problem]) -> Callable[[F], F]:
    """Name what a route, or what it depends on, raises: OpenAPI tells of it."""

    def note(function: F) -> F:
        vars(function)["problems"] = problems
        return function

    return note


def raised_by(function: Callable[..., Any]) -> tuple[type[Problem], ...]:
    """Return what a function was said to raise."""
    named: tuple[type[Problem], ...] = getattr(function, "problems", ())
    return named
