"""The JSON of the notifier's API."""

from uuid import UUID

from pydantic import BaseModel

from common.http import Page
from common.http.fields import TimeOut
from notifier.domain import Status
from notifier.models import Notification


class NotificationPage(Page):
    """Paging, and what to show."""

    status: Status | None = None


class NotificationOut(BaseModel):
    """A mail and what became of it; `code` is the mail server's last reply."""

    id: UUID
    user_id: UUID
    channel: str
    cause: str
    template: str
    status: Status
    attempts: int
    resent_after_unknown: bool
    message_id: str | None
    code: int | None
    created_at: TimeOut
    finished_at: TimeOut | None

    @classmethod
    def of(cls, row: Notification) -> "NotificationOut":
        """Return a row as JSON."""
        return cls.model_validate(row, from_attributes=True)
