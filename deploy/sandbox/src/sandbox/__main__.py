"""The sandbox as a process of its own: `python -m sandbox --port 9000 --state sandbox.db --smtp-port 1025`."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from sandbox.main import Sandbox, SandboxSettings
from sandbox.settings import DEFAULT_RETRY_DELAYS, in_production

_KEEP_ALIVE = 75  # seconds an idle connection is kept: longer than gateways do, so that none ends under a request


class _Server(uvicorn.Server):
    """A server that ends with exit code 0 on SIGTERM; the stock one dies of the signal after its clean shutdown."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form provider=value")
    return name, value


def _delays(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    about = "Stand-ins for payment providers, and a mailbox. An argument @FILE stands for the lines of a file."
    parser = argparse.ArgumentParser(prog="sandbox", description=about, fromfile_prefix_chars="@")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--state", type=Path, required=True, metavar="FILE", help="where everything is remembered")
    parser.add_argument("--smtp-host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=1025, help="0 picks a free one")
    parser.add_argument("--webhook", type=_pair, action="append", default=[], metavar="PROVIDER=URL")
    parser.add_argument("--secret", type=_pair, action="append", default=[], metavar="PROVIDER=SECRET")
    parser.add_argument("--key", type=_pair, action="append", default=[], metavar="PROVIDER=ID:SECRET")
    parser.add_argument("--public-url", help="how browsers reach the sandbox")
    parser.add_argument("--retry-delays", type=_delays, default=DEFAULT_RETRY_DELAYS, metavar="SECONDS,…")
    return parser.parse_args(arguments)


def settings_from(given: argparse.Namespace) -> SandboxSettings:
    """The settings a command line asks for."""
    return SandboxSettings(
        state_file=given.state,
        smtp_host=given.smtp_host,
        smtp_port=given.smtp_port,
        webhook_targets=dict(given.webhook),
        webhook_secrets=dict(given.secret),
        api_keys=dict(given.key),
        public_url=given.public_url or f"http://{given.host}:{given.port}/sandbox",
        webhook_retry_delays=given.retry_delays,
    )


async def _to_index(_request: Request) -> RedirectResponse:
    return RedirectResponse("/sandbox/")


async def serve(given: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT."""
    sandbox = Sandbox(settings_from(given))
    await sandbox.start()
    app = Starlette(routes=[Route("/", _to_index), Mount("/sandbox", sandbox.app)])
    config = uvicorn.Config(
        app,
        given.host,
        given.port,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=_KEEP_ALIVE,
    )
    try:
        await _Server(config).serve()
    finally:
        await sandbox.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; in production it is a sentence and exit code 1."""
    if in_production():
        sys.exit("SOUK_ENV is production: nothing of the sandbox is used there.")
    given = parse(arguments)
    factory = uvicorn.Config(app="", loop="auto").get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(given))


if __name__ == "__main__":
    main()
