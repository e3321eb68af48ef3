"""Named places where a test may kill, break, slow or hang the process: `FAULTS=relay.published:kill@3`."""

import asyncio
import os
import re
import signal
from dataclasses import dataclass

_SPEC = re.compile(r"(?P<name>[a-z_.]+):(?P<deed>kill|raise|hang|sleep=(?P<seconds>\d+(\.\d+)?))(@(?P<nth>\d+))?")


class FaultInjected(RuntimeError):  # noqa: N818 - names what happened
    """A fault point was told to raise."""


@dataclass(slots=True)
class _Fault:
    deed: str
    seconds: float
    nth: int
    hits: int = 0


_armed: dict[str, _Fault] = {}


def arm(spec: str) -> None:
    """Set the process's fault points from a FAULTS string; raises ValueError with the part that is no fault."""
    _armed.clear()
    for part in filter(None, (piece.strip() for piece in spec.split(","))):
        match = _SPEC.fullmatch(part)
        if not match:
            message = f"{part!r} is no fault: write name:kill, :raise, :hang or :sleep=5, with @n for the nth time"
            raise ValueError(message)
        deed = match["deed"].partition("=")[0]
        _armed[match["name"]] = _Fault(deed, float(match["seconds"] or 0), int(match["nth"] or 0))


async def faultpoint(name: str) -> None:
    """Do nothing, unless FAULTS names this point."""
    fault = _armed.get(name)
    if fault is None:
        return
    fault.hits += 1
    if fault.nth and fault.hits != fault.nth:
        return
    if fault.deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.deed == "raise":
        raise FaultInjected(name)
    await asyncio.sleep(fault.seconds if fault.deed == "sleep" else 1e9)
