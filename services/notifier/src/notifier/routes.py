"""The notifier's HTTP door: which mails were sent."""

from typing import Annotated

from fastapi import Query

from common.auth import CurrentUser
from common.http import PageOf, Reading, router
from notifier.queries import list_notifications
from notifier.schemas import NotificationOut, NotificationPage

notifications = router(tags=["notifications"])


@notifications.get(
    "/notifications",
    summary="List mails, newest first: your own; an admin sees everybody's",
    responses={401: {"description": "No valid access token"}, 422: {"description": "A parameter is not valid"}},
)
async def list_own(
    user: CurrentUser, session: Reading, page: Annotated[NotificationPage, Query()]
) -> PageOf[NotificationOut]:
    """Each mail with its status: queued, sending, sent, rejected or unknown."""
    owner = None if user.has("admin") else user.id
    scope = f"notifications:{owner}"
    rows = await list_notifications(
        session, user_id=owner, status=page.status, after=page.after(scope), limit=page.limit + 1
    )
    return page.page(rows, scope, NotificationOut.of, lambda row: row.id)
