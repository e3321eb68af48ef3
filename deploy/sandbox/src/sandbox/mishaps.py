"""What the chaos dial does to an answer on its way to the client, whoever the provider is."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response

from sandbox import faults
from sandbox.chaos import Hit

_SILENT_FOR = 60.0


def silence(hit: Hit) -> Response:
    """No answer, for as long as the rule says."""
    return faults.Silence(hit.rule.wait(_SILENT_FOR))


async def pause(hit: Hit | None) -> None:
    """Hold the request back if a delay rule fired."""
    if hit is not None and hit.rule.mode == "delay":
        await asyncio.sleep(hit.rule.wait(1.0))


def afterwards(
    hit: Hit | None, good: Response, lie: Callable[[str], Response], trouble: Callable[[int], Response]
) -> Response:
    """What becomes of the answer once everything has been done.

    `lie` makes the answer false in the way a variant names, `trouble` is the provider's own error of a status.
    """
    if hit is None or hit.rule.mode == "delay":
        return good
    if hit.rule.mode == "commit_then_hang":
        return silence(hit)
    if hit.rule.mode == "tamper":
        return lie(hit.rule.variant or "all")
    return _broken(hit.rule.variant, good) or trouble(hit.rule.status or 500)


def _broken(variant: str | None, good: Response) -> Response | None:
    """The answer broken on the wire, if that is what the variant means."""
    if variant == "reset":
        return faults.Reset()
    if variant == "truncate":
        return faults.Truncated(bytes(good.body))
    return faults.bad_gateway() if variant == "html" else None
