"""Downloads: what buyers may fetch."""

from typing import Annotated

from fastapi import Query

from catalog import queries
from catalog.routes.doors import refusals
from catalog.schemas import DownloadOut
from common.auth import CurrentUser
from common.http import Page, PageOf, Reading, router

downloads = router(tags=["downloads"])


@downloads.get("/downloads", summary="List my downloads", responses=refusals(401, 422))
async def list_downloads(session: Reading, user: CurrentUser, page: Annotated[Page, Query()]) -> PageOf[DownloadOut]:
    """What the signed-in user bought and may download, newest first."""
    scope = f"downloads:{user.id}"
    rows = await queries.list_downloads(session, user.id, page.after(scope), page.limit)
    return page.page(rows, scope, DownloadOut.of, lambda grant: grant.id)
