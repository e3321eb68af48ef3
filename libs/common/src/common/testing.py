"""One service in a test: its routes, its inbox and its loops driven by hand, over a real database."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from common.auth import AUDIENCE, ISSUER, TOKEN_TYPE
from common.broker import Delivery, InProcessWire, Wire
from common.db import fetch
from common.events import Envelope, Event, Trace, new_id, with_sequence
from common.inbox import Inbox, InboxPolicy, Retries
from common.migrations import migrate
from common.sealed import Opener, Sealer, new_key_pair
from common.service import Service

Build = Callable[[Mapping[str, str], Wire | None], Service]

_SIGNING = Ed25519PrivateKey.generate()
_SEALING: dict[str, tuple[str, str]] = {}


class OneService:
    """A service on its own: `client` calls its routes, `hear` delivers facts, `told` reads what it said."""

    def __init__(self, service: Service, *, attempts: int = 10) -> None:
        self.service, self.database = service, service.database
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(service.app), base_url="http://test/api/v1", timeout=30
        )
        self._policy = InboxPolicy(attempts=attempts)
        self.inbox = Inbox(service.database, service.events, service.metrics, self._policy)
        self.retries = Retries(service.database, service.events, service.metrics, self._policy)
        service.keyring.replace({"keys": [signing_key()]})

    async def hear(self, *facts: Event, redelivered: bool = False) -> None:
        """Deliver facts in one batch, as the wire does."""
        await self.inbox.take([Delivery(encode(fact), redelivered) for fact in facts])

    async def told(self, *types: str) -> list[Envelope]:
        """Return what the service said so far, oldest first, of these wire names or all."""
        async with self.database.reading() as session:
            rows = await fetch(session, "SELECT body FROM outbox ORDER BY id")
        said = [Envelope.parse(row["body"]) for row in rows]
        return [envelope for envelope in said if not types or envelope.type in types]

    async def work_loops(self, *names: str) -> int:
        """Run the service's loops (these, or all) until none finds anything; return how much they found."""
        total = 0
        while found := sum([await loop.run() for loop in self.service.loops if not names or loop.name in names]):
            total += found
        return total

    async def work_waiting(self) -> None:
        """Try every waiting event now, whatever its time."""
        async with self.database.transaction() as session:
            await fetch(session, "UPDATE inbox SET next_at = now() WHERE status = 'waiting'")
        await self.retries.work_due()

    async def inbox_rows(self, status: str) -> list[str]:
        """Return the wire names of the stored events of a status."""
        async with self.database.reading() as session:
            rows = await fetch(session, "SELECT type FROM inbox WHERE status = $1 ORDER BY id", status)
        return [row["type"] for row in rows]

    async def close(self) -> None:
        """Close what is open."""
        await self.client.aclose()
        await self.service.close()


async def one_service(
    build: Build, migrations: Path, database_url: str, environ: Mapping[str, str] | None = None
) -> OneService:
    """Migrate a fresh database and put the service together over the in-process wire."""
    await migrate(database_url, migrations)
    name = migrations.parent.name
    given = {
        f"DATABASE_URL_{name.upper()}": database_url,
        "WIRE": "inprocess",
        **seal_settings(name),
        **(environ or {}),
    }
    return OneService(build(given, InProcessWire()))


def bearer(user_id: UUID, *roles: str, lifetime: timedelta = timedelta(hours=1)) -> dict[str, str]:
    """Return the headers of a signed-in user; no roles means a customer."""
    moment = datetime.now(UTC)
    claims = {
        "sub": str(user_id),
        "roles": list(roles) or ["customer"],
        "iat": moment,
        "exp": moment + lifetime,
        "aud": AUDIENCE,
        "iss": ISSUER,
    }
    token = jwt.encode(claims, _SIGNING, algorithm="EdDSA", headers={"kid": "test", "typ": TOKEN_TYPE})
    return {"Authorization": f"Bearer {token}"}


def encode(fact: Event, *, id_: UUID | None = None, source: str = "/test", trace: Trace | None = None) -> bytes:
    """Return a fact as the bytes another service would have sent."""
    trace = trace or Trace(correlation_id="test")
    envelope = Envelope(
        id=id_ or new_id(),
        type=fact.wire,
        source=source,
        subject=fact.subject,
        time=datetime.now(UTC),
        data=fact.model_dump(mode="json"),
        correlationid=trace.correlation_id,
        causationid=trace.causation_id,
        partitionkey=fact.partition,
        channel=trace.channel,
        dataschema=f"urn:souk:{fact.wire}:{fact.version}",
    )
    return with_sequence(envelope.encode(), 1)


def seal_settings(service: str) -> dict[str, str]:
    """Return the seal settings of a service beside those of everybody else in the test."""
    keys = {name: _key_pair(name)[1] for name in ("orders", "notifier", service)}
    public = "{" + ",".join(f'"{name}":{key}' for name, key in keys.items()) + "}"
    return {"SEAL_PRIVATE_KEY": _key_pair(service)[0], "SEAL_PUBLIC_KEYS": public}


def seal_for(service: str, secret: str) -> str:
    """Return a secret sealed as another service would seal it."""
    return Sealer({service: orjson.loads(_key_pair(service)[1])}).seal(secret, service)


def open_as(service: str, sealed: str) -> str:
    """Return a sealed secret as the service that may open it reads it."""
    return Opener(orjson.loads(_key_pair(service)[0])).open(sealed)


def _key_pair(service: str) -> tuple[str, str]:
    return _SEALING.setdefault(service, _SEALING.get(service) or new_key_pair(service))


def signing_key() -> dict[str, str]:
    """Return the public key that verifies `bearer` tokens."""
    return OKPAlgorithm.to_jwk(_SIGNING.public_key(), as_dict=True) | {"kid": "test", "use": "sig", "alg": "EdDSA"}
