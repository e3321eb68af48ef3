"""What the notifier tells: what became of each mail. No addresses."""

from uuid import UUID

from common.events import Event


class EmailSent(Event, wire="email.sent", subject="notification_id", heard=False):
    """The mail server took the mail."""

    notification_id: UUID
    user_id: UUID
    template: str


class EmailRejected(Event, wire="email.rejected", subject="notification_id", heard=False):
    """The mail server refuses the recipient or the mail for good."""

    notification_id: UUID
    user_id: UUID
    template: str
    code: int
