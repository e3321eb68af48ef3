"""The development gateway as a process: `python -m souk.proxy PORT '{"orders": ["http://127.0.0.1:8101"], …}'`."""

import asyncio
import json
import sys

import httpx2
import uvloop
from starlette.types import ASGIApp

from common.serve import listening, stop_signal
from souk.gateway import Dispatcher, Proxy
from souk.operator import documents_app

_LIMITS = httpx2.Limits(max_connections=500, max_keepalive_connections=100)


async def proxy(port: int, fronts: dict[str, list[str]]) -> None:
    """Hand requests on until told to stop."""
    stop = stop_signal()
    async with httpx2.AsyncClient(timeout=30, limits=_LIMITS) as client:
        proxies: dict[str, ASGIApp] = {name: Proxy(client, *urls) for name, urls in fronts.items()}
        mounts: dict[str, ASGIApp] = {"/sandbox": proxies.pop("sandbox"), "/api/docs": documents_app()}
        async with listening(Dispatcher(proxies, mounts), "127.0.0.1", port):
            await stop.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(proxy(int(sys.argv[1]), json.loads(sys.argv[2])))
