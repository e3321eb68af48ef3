"""Cancellation as it is meant: one from outside is obeyed, one that leaked out of a library is a failure."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class LeakedCancellation(RuntimeError):  # noqa: N818 - names what happened
    """Something inside gave up although nobody had cancelled this task."""


async def contained(work: Awaitable[T]) -> T:
    """Await the work; raises LeakedCancellation for a cancellation that nobody asked of this task."""
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():
            raise LeakedCancellation from error
        raise


async def nap(event: asyncio.Event, seconds: float) -> None:
    """Sleep until the event is set or the seconds are over.

    Not by `asyncio.wait_for`, which before Python 3.12 may swallow a cancellation that comes with the event: the loop
    that naps would never end.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
