"""Answers to what no application sees: they have what every answer has, and are counted by themselves."""

from fastapi.responses import Response
from prometheus_client import Counter
from starlette.datastructures import Headers
from starlette.types import Scope

from common.errors import Problem
from common.events import Trace, new_id
from common.http.frame import Frame, Guard
from common.http.origins import Origins
from common.http.problems import answer
from common.telemetry import tracing

REQUEST_ID = "x-request-id"


class Refusals:
    """One listener's; `frame` says what its answers have beside what they say, `count` has a label `status`."""

    def __init__(self, frame: Frame | None = None, count: Counter | None = None) -> None:
        self._guard, self._count = Guard(frame or Frame()), count
        self._origins = Origins(frame.origins) if frame and frame.origins else None

    def answer(self, problem: Problem, scope: Scope | None = None) -> Response:
        """Return the answer, under an id of its own; `scope` is the request's, where so much of it is known."""
        trace = Trace(correlation_id=str(new_id()))
        with tracing(trace):
            response = answer(problem)
        told = [(REQUEST_ID.encode(), trace.correlation_id.encode())]
        if self._origins and scope:
            told += self._origins.headers(scope, Headers(scope=scope))
        response.raw_headers = self._guard.finish(response.raw_headers, told)
        if self._count:
            self._count.labels(problem.status).inc()
        return response
