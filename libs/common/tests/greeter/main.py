"""A whole service for the tests: it greets, slowly if asked, and hears and answers its own greetings."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import structlog

from common.events import Event, new_id
from common.http import Tx, router
from common.inbox import EventRouter
from common.outbox import emit
from common.serve import main
from common.service import Doors, build_service, open_service_database
from common.settings import ServiceSettings, load
from common.testing import signing_key

MIGRATIONS = Path(__file__).parent / "migrations"
SLOWLY = 1.5
log = structlog.get_logger("greeter")
events, routes = EventRouter("greeter"), router()


class GreeterSettings(ServiceSettings):
    service: ClassVar[str] = "greeter"


class Greeted(Event, wire="test.greeted", subject="greeting_id"):
    greeting_id: UUID


class Answered(Event, wire="test.answered", subject="greeting_id", heard=False):
    greeting_id: UUID


@routes.post("/greetings", status_code=201)
async def greet(session: Tx) -> dict[str, str]:
    greeting = new_id()
    emit(session, Greeted(greeting_id=greeting))
    log.info("greeted")
    return {"id": str(greeting)}


@routes.get("/slow")
async def greet_slowly() -> dict[str, str]:
    log.info("thinking")
    await asyncio.sleep(SLOWLY)
    return {"said": "hello"}


@events.on(Greeted)
async def answer(event, session):
    emit(session, Answered(greeting_id=event.greeting_id))
    log.info("answered")


async def hold_key(keyring, _database):
    keyring.replace({"keys": [signing_key()]})
    await asyncio.Event().wait()


def build(environ, wire=None, **doors):
    """Return the service; `doors` replace its own."""
    settings = load(GreeterSettings, environ)
    own = {"routers": [routes], "events": events, "key_source": hold_key}
    return build_service(settings, open_service_database(settings), Doors(**own | doors), wire)


if __name__ == "__main__":
    main(build, MIGRATIONS, os.environ)
