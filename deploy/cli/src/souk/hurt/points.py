"""Where each service may be killed: its fault points, found in the source so that none is forgotten."""

import re
from pathlib import Path
from typing import Final

from common.contracts import facts
from souk.home import ROOT
from souk.services import EVENTS

_CALL: Final = re.compile(r'faultpoint\(f?"([a-z_.]+)')
_COMMON: Final = ROOT / "libs" / "common" / "src" / "common"
_LEASES: Final = "under_lease("
_HANDLING: Final = "inbox.handling."
# Where handlers are many, the one of these that comes by all the time.
HANDLED: Final = {
    "catalog": "order.created",
    "orders": "payment.succeeded",
    "payments": "order.payment_requested",
    "notifier": "order.paid",
}
_HEARD: Final = {router.service: router.types for router in EVENTS if router.types}


def points_of(service: str) -> tuple[str, ...]:
    """Return the names of the fault points that this service's process passes in the course of its work."""
    source = _text(ROOT / "services" / service / "src")
    found = {*_CALL.findall(source), *(point for point in _CALL.findall(_text(_COMMON)) if _passes(service, point))}
    if _LEASES not in source:
        found.discard("loop.called")
    return tuple(sorted(f"{point}{_handled(service)}" if point == _HANDLING else point for point in found))


def _passes(service: str, point: str) -> bool:
    """Say whether a point of the machinery is passed: only listeners have an inbox at work, only tellers a relay."""
    if point.startswith("inbox."):
        return service in _HEARD
    return bool(facts(service)) or not point.startswith(("outbox.", "relay."))


def _handled(service: str) -> str:
    return HANDLED.get(service) or min(_HEARD[service])


def _text(folder: Path) -> str:
    return "\n".join(file.read_text() for file in sorted(folder.rglob("*.py")))
