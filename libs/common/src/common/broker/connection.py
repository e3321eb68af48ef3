"""Opening AMQP connections and channels with the time limits that aio-pika leaves open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractChannel

HEARTBEAT = 10
_OPEN_TIMEOUT = 10


async def connect(url: str, name: str) -> aio_pika.abc.AbstractConnection:
    """Open a plain connection; we mend it ourselves, for a robust one answers checks from its cache."""
    async with asyncio.timeout(_OPEN_TIMEOUT):
        return await aio_pika.connect(url, heartbeat=HEARTBEAT, client_properties={"connection_name": name})


@asynccontextmanager
async def open_channel(url: str, name: str, *, confirms: bool) -> AsyncIterator[AbstractChannel]:
    """Give a channel on a connection of its own and close both, however stuck the broker is."""
    connection = await connect(url, name)
    try:
        async with asyncio.timeout(_OPEN_TIMEOUT):
            channel = await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        yield channel
    finally:
        with suppress(Exception):
            async with asyncio.timeout(2):
                await connection.close()
