"""Telling a cancellation from outside, which is obeyed, from one that leaked out of a library, which is a failure."""

import asyncio
from collections.abc import Awaitable
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
