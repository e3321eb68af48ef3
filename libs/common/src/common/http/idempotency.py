"""`Idempotency-Key`: the key's row is written with the effect, so that one key has one effect, whatever crashes."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from common.auth import CurrentUser
from common.db import Database, fetch
from common.errors import BadRequest, Conflict, Invalid, raises

log = structlog.get_logger(__name__)
KEPT_FOR = timedelta(days=7)
_KEY = re.compile(r"[!-~]{1,255}")


class IdempotencyKeyRequired(BadRequest):
    """Money moves here: send an Idempotency-Key header, one per intent, and repeat it when you try again."""


class IdempotencyKeyInvalid(BadRequest):
    """An Idempotency-Key is 1 to 255 visible ASCII characters, given once."""


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key was used with another request."""


class IdempotencyKeyInUse(Conflict):
    """The first request with this Idempotency-Key is still being worked on."""

    headers = {"Retry-After": "1"}  # noqa: RUF012 - overrides a ClassVar


class Replayed(Exception):  # noqa: N818 - carries an answer
    """The request was answered before: this is the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__("replayed")
        self.response = response


@dataclass(slots=True)
class Once:
    """One use of a key: `claim` it in the transaction of the effect.

    Where the route waits, `resource` names what was made so that a replay can show it as it stands now; elsewhere the
    answer itself is kept, byte for byte.
    """

    user: UUID
    key: str | None
    route: str
    body_hash: bytes
    resource: UUID | None = None
    claimed: bool = field(default=False)

    async def claim(self, session: AsyncSession, resource: UUID | None = None) -> UUID | None:
        """Return None for a fresh key, now held, or the resource of the first request.

        Raises Replayed with the kept answer, IdempotencyKeyInUse while the first request is in its transaction, and
        IdempotencyKeyReused when it asked for something else.
        """
        if self.key is None:
            return None
        for _ in range(3):
            rows = await fetch(session, _CLAIM, self.user, self.key, self.route, self.body_hash, resource)
            row = rows[0]
            if not row["locked"]:
                raise IdempotencyKeyInUse
            if row["fresh"]:
                self.claimed, self.resource = True, resource
                return None
            if row["route"] is not None:
                return self._replay(row["route"], row["body_hash"], row)
        raise IdempotencyKeyInUse

    def _replay(self, route: str, body_hash: bytes, row: dict[str, object]) -> UUID | None:
        if (route, body_hash) != (self.route, self.body_hash):
            raise IdempotencyKeyReused
        if row["status"] is None:
            if row["resource"] is None:  # nothing was kept: never do it twice
                raise IdempotencyKeyInUse
            self.resource = row["resource"]  # type: ignore[assignment]
            return self.resource
        headers = {"Idempotent-Replayed": "true"}
        raise Replayed(Response(row["body"], int(str(row["status"])), headers, media_type="application/json"))


# The advisory lock is held to the end of the transaction; the statement's snapshot may predate the first request's
# commit, in which case neither row shows and the caller asks again.
_CLAIM = """
WITH lock AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended($1::uuid::text || $2, 0)) AS locked
), fresh AS (
    INSERT INTO idempotency_keys (user_id, key, route, body_hash, resource)
    SELECT $1, $2, $3, $4, $5 FROM lock WHERE locked
    ON CONFLICT (user_id, key) DO NOTHING RETURNING 1
)
SELECT lock.locked, EXISTS (SELECT FROM fresh) AS fresh, k.route, k.body_hash, k.resource, k.status, k.body
FROM lock LEFT JOIN idempotency_keys k ON k.user_id = $1 AND k.key = $2
"""
_REMEMBER = "UPDATE idempotency_keys SET status = $3, body = $4 WHERE user_id = $1 AND key = $2"
_FORGET_OLD = "DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval"


_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="One per intent, and the same when you try again: it is done once.",
        json_schema_extra={"anyOf": [{"type": "string", "pattern": f"^{_KEY.pattern}$"}]},
    ),
]


@raises(IdempotencyKeyInvalid, IdempotencyKeyReused, IdempotencyKeyInUse)
async def _once(request: Request, user: CurrentUser, key: _Key = None) -> Once:
    given = request.headers.getlist("idempotency-key")
    if len(given) > 1 or (key is not None and not _KEY.fullmatch(key)):
        raise IdempotencyKeyInvalid
    route = f"{request.method} {request.url.path}"
    made = Once(user.id, key, route, hashlib.sha256(await request.body()).digest())
    request.scope["souk.once"] = made
    return made


@raises(IdempotencyKeyRequired)
async def _once_required(made: Annotated[Once, Depends(_once)]) -> Once:
    if made.key is None:
        raise IdempotencyKeyRequired
    return made


def once(*, required: bool = False) -> object:
    """Return the dependency that reads the Idempotency-Key: `once: Annotated[Once, once(required=True)]`."""
    return Depends(_once_required if required else _once)


async def remember(request: Request, response: Response) -> Response:
    """Keep a route's answer beside its effect, in the same transaction; routes that wait keep the resource instead."""
    made: Once | None = request.scope.get("souk.once")
    session: AsyncSession | None = request.scope.get("souk.session")
    if made is None or not made.claimed or made.resource is not None or session is None:
        return response
    if response.status_code < HTTPStatus.BAD_REQUEST:
        await fetch(session, _REMEMBER, made.user, made.key, response.status_code, bytes(response.body))
    return response


async def forget_old_keys(database: Database) -> int:
    """Drop the keys older than seven days."""
    async with database.transaction() as session:
        await fetch(session, _FORGET_OLD, KEPT_FOR)
    return 0
