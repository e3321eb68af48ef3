"""One deed under the rules of the chaos dial: its key, its transaction, its answer and what becomes of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from sandbox import mishaps
from sandbox.chaos import Chaos, Hit
from sandbox.razorpay.books import NAME, Books
from sandbox.razorpay.errors import Answer, RazorpayError, key_in_use, key_used_otherwise, trouble
from sandbox.replays import Replay, Replays
from sandbox.store import Store, new_id
from sandbox.tampering import tampered
from sandbox.world import World

_KEPT: Final = Replays("razorpay_idempotency")
SCHEMA: Final = _KEPT.schema


@dataclass(frozen=True)
class Once:
    """An idempotency key, and what its request must be like to be the same one."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class Call:
    """What is to be done, under the name by which chaos knows it; `respond` makes HTTP of the answer."""

    name: str
    run: Callable[[Books], Answer]
    respond: Callable[[Answer], Response]
    once: Once | None = None


class Performer:
    """Does what it is told, one transaction each."""

    def __init__(self, store: Store, chaos: Chaos, world: World) -> None:
        self._store = store
        self._chaos = chaos
        self._world = world
        self._running: set[str] = set()

    async def perform(self, call: Call) -> Response:
        """Perform a call and answer it, or not, as the dial says."""
        hit = self._chaos.first(NAME, "api", call.name)
        if hit is not None and hit.rule.mode == "hang":
            return mishaps.silence(hit)
        if hit is not None and hit.rule.mode == "error":
            return call.respond(trouble(hit.rule.status or 500).answer())
        try:
            answer = await self._holding_key(call, hit)
        except RazorpayError as error:
            answer = error.answer()
        return mishaps.afterwards(
            hit,
            call.respond(answer),
            lambda variant: call.respond(Answer(answer.status, tampered(answer.body, variant))),
            lambda status: call.respond(trouble(status).answer()),
        )

    async def _holding_key(self, call: Call, hit: Hit | None) -> Answer:
        key = call.once.key if call.once is not None else new_id("")
        if key in self._running:
            raise key_in_use()
        self._running.add(key)
        try:
            await mishaps.pause(hit)
            return self._run(call)
        finally:
            self._running.discard(key)

    def _run(self, call: Call) -> Answer:
        """Run, and keep the answer of what succeeded under its key. Raises `RazorpayError`, and then keeps nothing."""
        with self._store.transaction() as db:
            known = None if call.once is None else _KEPT.recall(db, call.once.key)
            if known is not None and call.once is not None:
                if known.fingerprint != call.once.fingerprint:
                    raise key_used_otherwise()
                return Answer(known.status, known.body)
            answer = call.run(Books(db, self._world))
            if call.once is not None:
                _KEPT.remember(db, call.once.key, Replay(call.once.fingerprint, answer.status, answer.body, ""))
        return answer


def as_json(answer: Answer) -> Response:
    """HTTP as the API speaks it."""
    headers = {"access-control-allow-origin": "*", "cache-control": "no-cache, private", "request-id": new_id("", 14)}
    return Response(json.dumps(answer.body).encode(), answer.status, headers, "application/json")
