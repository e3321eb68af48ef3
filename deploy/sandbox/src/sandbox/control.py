"""The doors for whoever runs the experiment: index page, chaos dial, truth and the delivery log."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.chaos import Chaos, RuleError
from sandbox.mail.mailbox import Mailbox
from sandbox.pages import render
from sandbox.provider import JsonObject, Provider
from sandbox.store import Store
from sandbox.webhooks import Webhooks, attempt_log

_ATTEMPTS_SHOWN = 500


class Control:
    """Routes at the root of the sandbox."""

    def __init__(self, store: Store, chaos: Chaos, webhooks: Webhooks, providers: Mapping[str, Provider]) -> None:
        self._store = store
        self._chaos = chaos
        self._webhooks = webhooks
        self._providers = providers
        self._mailbox = Mailbox(store)

    def routes(self) -> Sequence[BaseRoute]:
        """Index, truth, chaos and the delivery log."""
        return [
            Route("/", self.index),
            Route("/truth", self.truth),
            Route("/chaos", self.list_rules),
            Route("/chaos", self.put_rules, methods=["PUT"]),
            Route("/chaos", self.clear_rules, methods=["DELETE"]),
            Route("/webhooks", self.attempts),
            Route("/webhooks/{event}/resend", self.resend, methods=["POST"]),
        ]

    async def index(self, request: Request) -> Response:
        """What is here."""
        values = {
            "providers": list(self._providers.values()),
            "mails": self._mailbox.count(),
            "rules": self._chaos.listed(),
        }
        return render(request, "index.html", values)

    async def truth(self, request: Request) -> Response:
        """What each provider believes, optionally of things made `since` a Unix time."""
        try:
            since = float(request.query_params.get("since", "0"))
        except ValueError:
            since = math.nan
        if not math.isfinite(since):
            return _refused("since must be a Unix time in seconds")
        body = await asyncio.to_thread(self._believed, since)
        return Response(body, media_type="application/json")

    async def list_rules(self, _request: Request) -> Response:
        """The rules with their counts."""
        return JSONResponse(self._chaos.listed())

    async def put_rules(self, request: Request) -> Response:
        """Add or replace a rule, or with a list replace all."""
        try:
            self._chaos.put(json.loads(await request.body()))
        except RuleError as error:
            return _refused(str(error))
        except ValueError:
            return _refused("the body is not JSON")
        return JSONResponse(self._chaos.listed())

    async def clear_rules(self, _request: Request) -> Response:
        """Behave again."""
        self._chaos.clear()
        return Response(status_code=204)

    async def attempts(self, _request: Request) -> Response:
        """The newest delivery attempts."""
        with self._store.transaction() as db:
            return JSONResponse(attempt_log(db, _ATTEMPTS_SHOWN))

    async def resend(self, request: Request) -> Response:
        """Send an event again, as `stripe events resend` does."""
        count = self._webhooks.resend(request.path_params["event"])
        return JSONResponse({"resent": count}, status_code=200 if count else 404)

    def _believed(self, since: float) -> bytes:
        truth: JsonObject = {}
        with self._store.snapshot() as db:
            for name, provider in self._providers.items():
                truth[name] = provider.truth(db, since)
        return json.dumps(truth).encode()


def _refused(detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=422)
