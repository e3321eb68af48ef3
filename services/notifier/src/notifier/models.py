"""The notifier's tables: mails and their moves, and the copies of users and orders they are made from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common import db
from common.db import new_metadata, now
from common.events import new_id
from common.loops import Leased
from common.money import Money
from notifier.domain import EMAIL, MOVES, Outcome, Status


class Base(db.Base):
    """The notifier's tables."""

    __abstract__ = True
    metadata = new_metadata()


class Recipient(Base):
    """A copy of a user's name and address: the only place where a mail's recipient comes from."""

    __tablename__ = "recipients"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    version: Mapped[int]


class Order(Base):
    """What mails need to know of an order where the fact behind them does not say it; `open` while it can be paid."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    number: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    open: Mapped[bool] = mapped_column(default=True)

    @property
    def total(self) -> Money:
        """What it costs."""
        return Money(self.amount, self.currency)


class Notification(Leased, Base, kw_only=True):
    """One row per recipient, channel and cause.

    `message_id` is made once, so that a second copy can be told from a second mail; `resent_after_unknown` says that
    the outcome of a try was never learned and one more copy was, or may have been, sent under the same Message-ID.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "channel", "cause"),
        CheckConstraint("status IN ('queued', 'sending', 'sent', 'rejected', 'unknown')", name="status"),
        Index(None, "user_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    user_id: Mapped[UUID]
    cause: Mapped[str]
    template: Mapped[str]
    context: Mapped[dict[str, Any]]
    correlation_id: Mapped[str] = mapped_column(default="")
    causation_id: Mapped[str | None] = mapped_column(default=None)
    traceparent: Mapped[str | None] = mapped_column(default=None)
    channel: Mapped[str] = mapped_column(default=EMAIL)
    status: Mapped[Status] = mapped_column(Text, default="queued")
    version: Mapped[int] = mapped_column(default=1)
    message_id: Mapped[str | None] = mapped_column(default=None)
    resent_after_unknown: Mapped[bool] = mapped_column(default=False)
    code: Mapped[int | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def exhausted(self) -> bool:
        """Whether the outcome is unknown and the one copy more has been spent."""
        return self.status == "unknown" and self.resent_after_unknown

    def begin(self, domain: str) -> "NotificationTransition":
        """Start a try; after an unknown outcome this is the one copy more."""
        if self.status == "unknown":
            self.resent_after_unknown = True
        self.message_id = self.message_id or f"<{self.id}@{domain}>"
        return self._move("sending")

    def lose(self, error: str, at: datetime | None = None) -> "NotificationTransition":
        """Note that nobody knows what came of the try: one copy more follows, unless it was that one.

        It follows at that time, or at once under the lease at hand.
        """
        transition = self._move("unknown")
        self.last_error = error
        if self.exhausted:
            self.finish()
        elif at is not None:
            self.again(at, error)
        return transition

    def postpone(self, outcome: Outcome, at: datetime) -> "NotificationTransition":
        """Give the mail back to the queue: it was certainly not accepted."""
        self.code = outcome.code or self.code
        self.again(at, outcome.note)
        return self._move("queued")

    def settle(self, status: Status, outcome: Outcome) -> "NotificationTransition":
        """End as sent or rejected."""
        self.code, self.last_error = outcome.code, None if status == "sent" else outcome.note
        self.finish()
        return self._move(status)

    def finish(self) -> None:
        """Nothing more will be done with this mail."""
        self.finished_at = now()
        self.done()

    def _move(self, to: Status) -> "NotificationTransition":
        if to not in MOVES[self.status]:
            message = f"a mail does not go from {self.status} to {to}"
            raise ValueError(message)
        self.version += 1
        was, self.status = self.status, to
        return NotificationTransition(notification_id=self.id, version=self.version, was=was, became=to)


class NotificationTransition(Base):
    """A change of a mail's status, with the event that told of it, if one did."""

    __tablename__ = "notification_transitions"
    __table_args__ = (UniqueConstraint("notification_id", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id, init=False)
    notification_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.id"))
    version: Mapped[int]
    was: Mapped[Status | None] = mapped_column("from", Text)
    became: Mapped[Status] = mapped_column("to", Text)
    at: Mapped[datetime] = mapped_column(default_factory=now)
    event_id: Mapped[UUID | None] = mapped_column(default=None)
    event_type: Mapped[str | None] = mapped_column(default=None)
