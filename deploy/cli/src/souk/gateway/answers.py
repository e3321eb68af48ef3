"""What a gateway answers by itself."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse

_SOON: Final = {"Retry-After": "1"}


def _problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    code = title.lower().replace(" ", "_")
    problem = {"type": f"urn:souk:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(problem, status, headers, media_type="application/problem+json")


# A finished answer is an app that gives it to everybody.
nothing_here = _problem(404, "Not found", "There is nothing at this path.")
not_open_yet = _problem(503, "Starting", "The shop opens in a moment.", _SOON)
unavailable = _problem(503, "Unavailable", "The service cannot answer just now: try again shortly.", _SOON)
