"""The route table: which service answers which path, and what the gateway sees to before it does."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from common.settings import SomeTime

FOLDER: Final = Path(__file__).parents[4] / "gateway"
ROUTES: Final = FOLDER / "routes.toml"
ANY: Final = "*"
Auth = Literal["required", "optional", "none"]


class Rate(BaseModel):
    """How many requests a second of one client's a gateway lets through for long, and how many at once on top."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Annotated[int, Field(gt=0)]
    burst: Annotated[int, Field(ge=0)]


class Limits(BaseModel):
    """What the gateway takes of any request, wherever it goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    headers_within: SomeTime
    request_within: SomeTime
    idle: SomeTime
    headers_kb: Annotated[int, Field(gt=0, le=8192)]
    headers: Annotated[int, Field(gt=0)]
    connections: Annotated[int, Field(gt=0)]


class Route(BaseModel):
    """One row of the table: `*` in a path is one segment.

    `auth` is whether the gateway looks at tokens (the services do in any case), `body` the most bytes it takes and
    keeps until all have come, or None where they go on as they come. `timeout` is the longest an answer may take once
    the request is here, unless it is a `stream`, or the body has no end: that goes on while something moves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, Field(pattern=r"^(/[a-z0-9_*.-]+)+$")]
    service: str
    group: str
    auth: Auth = "none"
    timeout: SomeTime = timedelta(seconds=30)
    body: Annotated[int, Field(gt=0)] | None = 256 * 1024
    stream: bool = False

    @property
    def segments(self) -> list[str]:
        """The path in parts."""
        return self.path.split("/")

    @property
    def bounded(self) -> bool:
        """Whether request and answer must end in time."""
        return not self.stream and self.body is not None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All rows; the first that matches counts."""

    routes: Sequence[Route]
    rates: Mapping[str, Rate]
    limits: Limits

    @classmethod
    def read(cls, file: Path = ROUTES) -> "RouteTable":
        """Read the table; raises ValueError for one that cannot be used."""
        told: dict[str, Any] = tomllib.loads(file.read_text())
        table = cls(
            TypeAdapter(list[Route]).validate_python([_given(row) for row in told["route"]]),
            TypeAdapter(dict[str, Rate]).validate_python(told["group"]),
            Limits.model_validate(told["limits"]),
        )
        if unknown := {route.group for route in table.routes} - table.rates.keys():
            raise ValueError(f"groups without a rate: {', '.join(sorted(unknown))}")
        return table

    @property
    def longest(self) -> timedelta:
        """How long a request and its answer may take together, where they must end in time."""
        return self.limits.request_within + max(route.timeout for route in self.routes if route.bounded)

    def find(self, path: str) -> Route | None:
        """Return the row of a path, or None."""
        parts = path.split("/")
        for route in self.routes:
            here = parts[: len(route.segments)]
            if len(here) == len(route.segments) and all(
                want in {ANY, got} for want, got in zip(route.segments, here, strict=True)
            ):
                return route
        return None

    def service(self, path: str) -> str | None:
        """Return the service of a path, or None."""
        route = self.find(path)
        return route.service if route else None


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"body": None} if row.get("body") == "unlimited" else row
