"""`emit`: a fact becomes a row in the transaction that made it true."""

import zlib
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from common.db import now
from common.events import Envelope, Event, Lane, Trace, new_id
from common.telemetry import current_trace
from common.telemetry.spans import root

LANES: dict[Lane, int] = {"live": 0, "bulk": 1}


def source_of(service: str, shard: int) -> str:
    """Return who tells the facts of a shard: `/orders`, `/orders/1` and so on, each numbered without a gap."""
    return f"{service}/{shard}" if shard else service


def emit(session: AsyncSession, fact: Event, *, lane: Lane = "live", cause: Event | None = None) -> UUID:
    """Tell a fact when, and only if, this transaction commits; return the event's id.

    `cause` names the event behind it where a handler works many at once. Raises RuntimeError in a session for reading.
    """
    if "source" not in session.info:
        raise RuntimeError("facts are told in a transaction, and this session only reads")
    shard = zlib.crc32(fact.partition.encode()) % session.info["shards"]
    trace = current_trace() if cause is None else (cause.trace or Trace())
    envelope = Envelope(
        id=new_id(),
        type=fact.wire,
        source=source_of(session.info["source"], shard),
        subject=fact.subject,
        time=now(),
        data=fact.model_dump(mode="json"),
        correlationid=trace.correlation_id or str(new_id()),
        causationid=trace.causation_id,
        partitionkey=fact.partition,
        channel=trace.channel,
        authtype=trace.auth_type,
        authid=trace.auth_id,
        traceparent=trace.traceparent or root(session.info["source"].split("/")[1], f"tell {fact.wire}"),
        dataschema=f"urn:souk:{fact.wire}:{fact.version}",
    )
    row = (envelope.id, fact.wire, envelope.subject, LANES[lane], shard, fact.heard, envelope.encode())
    session.info.setdefault("outgoing", []).append(row)
    return envelope.id
