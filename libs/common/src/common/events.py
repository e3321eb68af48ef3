"""What a fact is and how it travels: typed events in CloudEvents 1.0 JSON envelopes. Pure data."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self, cast, get_args
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, PrivateAttr
from uuid_utils.compat import uuid7

Lane = Literal["live", "bulk"]
Channel = Literal["API", "WEBHOOK", "SYSTEM"]
_CHANNELS = frozenset(get_args(Channel))
_LONGEST_ATTRIBUTE = 500
_LARGEST_SEQUENCE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Trace:
    """Who asked, through which door, and which id ties together everything that follows."""

    correlation_id: str = ""
    causation_id: str | None = None
    channel: Channel = "SYSTEM"
    auth_type: str = "system"
    auth_id: str | None = None
    traceparent: str | None = None


class Event(BaseModel):
    """A fact: `class OrderPaid(Event, wire="order.paid", subject="order_id")`.

    `wire` is the CloudEvents type and the routing key; `subject` names the field that holds the aggregate's id;
    `partition` the field by which related facts find each other (the subject, unless given); `heard=False` says that
    no service listens yet, so that an unroutable message is no alarm.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    wire: ClassVar[str] = ""
    subject_field: ClassVar[str] = ""
    partition_field: ClassVar[str] = ""
    version: ClassVar[int] = 1
    heard: ClassVar[bool] = True
    _trace: Trace | None = PrivateAttr(default=None)

    def __init_subclass__(
        cls,
        *,
        wire: str = "",
        subject: str = "",
        partition: str = "",
        heard: bool = True,
        **options: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init_subclass__(**options)
        cls.wire, cls.subject_field, cls.partition_field, cls.heard = wire, subject, partition or subject, heard

    @property
    def subject(self) -> str:
        """The aggregate's id."""
        return str(getattr(self, self.subject_field))

    @property
    def partition(self) -> str:
        """What relates this fact to its neighbours: an order's id for all that concerns an order."""
        return str(getattr(self, self.partition_field))

    @property
    def trace(self) -> Trace | None:
        """The trace of the envelope it came in; None for a fact just made."""
        return self._trace

    @classmethod
    def received(cls, envelope: "Envelope") -> Self:
        """Read the fact an envelope carries; raises pydantic's ValidationError when the data is not of this type."""
        fact = cls.model_validate(envelope.data)
        fact._trace = envelope.trace()  # noqa: SLF001 - its own class
        return fact


class Unreadable(Exception):  # noqa: N818 - names what the message is
    """A message that is no envelope of ours; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvents 1.0 envelope; `data` is the event's JSON object, `sequence` is dense per source once relayed."""

    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    data: dict[str, Any]
    correlationid: str = ""
    causationid: str | None = None
    partitionkey: str = ""
    sequence: int | None = None
    channel: Channel = "SYSTEM"
    authtype: str = "system"
    authid: str | None = None
    traceparent: str | None = None
    dataschema: str = ""

    def encode(self) -> bytes:
        """Return the structured-mode JSON without `sequence`, which `with_sequence` adds when it is known."""
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(self.id),
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "time": self.time,
            "dataschema": self.dataschema,
            "datacontenttype": "application/json",
            "correlationid": self.correlationid,
            "causationid": self.causationid,
            "partitionkey": self.partitionkey,
            "channel": self.channel,
            "authtype": self.authtype,
            "authid": self.authid,
            "traceparent": self.traceparent,
            "data": self.data,
        }
        return orjson.dumps({name: value for name, value in attributes.items() if value is not None})

    def trace(self) -> Trace:
        """Return the trace that facts caused by this one carry on."""
        return Trace(self.correlationid, str(self.id), self.channel, self.authtype, self.authid, self.traceparent)

    @classmethod
    def parse(cls, body: bytes) -> "Envelope":
        """Read an envelope; raises Unreadable for anything that is not CloudEvents JSON with a UUID as its id."""
        try:
            raw = orjson.loads(body)
            return cls(
                id=UUID(raw["id"]),
                type=_text(raw["type"]),
                source=_text(raw["source"]),
                subject=_text(raw.get("subject", "")),
                time=_time(raw["time"]) if "time" in raw else datetime.now(UTC),
                data=_object(raw["data"]),
                correlationid=_text(raw.get("correlationid", "")),
                causationid=_text_or_none(raw.get("causationid")),
                partitionkey=_text(raw.get("partitionkey") or raw.get("subject", "")),
                sequence=_sequence(raw["sequence"]) if "sequence" in raw else None,
                channel=_channel(raw.get("channel", "SYSTEM")),
                authtype=_text(raw.get("authtype", "system")),
                authid=_text_or_none(raw.get("authid")),
                traceparent=_text_or_none(raw.get("traceparent")),
                dataschema=_text(raw.get("dataschema", "")),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            message = f"no CloudEvents envelope: {type(error).__name__}"
            raise Unreadable(message) from error


def with_sequence(body: bytes, sequence: int) -> bytes:
    """Return the encoded envelope with its zero-padded `sequence` (CloudEvents extension of that name)."""
    return b'{"sequence":"%020d",' % sequence + body[1:]


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): it sorts by time and is made by the client."""
    return uuid7()


def _text(value: object) -> str:
    # What PostgreSQL's text and indexes cannot hold could never be stored, and would block its queue for ever.
    if not isinstance(value, str):
        raise TypeError
    if "\x00" in value or len(value) > _LONGEST_ATTRIBUTE:
        raise ValueError
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sequence(value: object) -> int:
    number = int(_text(value))
    if not 0 <= number <= _LARGEST_SEQUENCE:
        raise ValueError
    return number


def _channel(value: object) -> Channel:
    if value not in _CHANNELS:
        raise ValueError
    return cast("Channel", value)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value
