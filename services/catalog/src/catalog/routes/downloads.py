"""Downloads: what buyers may fetch, and the links by which they do."""

from datetime import timedelta
from typing import Annotated

from fastapi import Body, Depends, Query, Response

from catalog import queries
from catalog.actions.delivering import download
from catalog.errors import (
    DownloadExpired,
    DownloadNotFound,
    DownloadRevoked,
    DownloadsUsedUp,
    FileNotFound,
    FileRequired,
    NothingToDownload,
)
from catalog.routes.desk import FileDesk
from catalog.schemas import DownloadLink, DownloadOut, DownloadsPage, DownloadWish
from common.auth import CurrentUser
from common.db import now
from common.errors import raises
from common.http import PageOf, Reading, Tx, router
from common.http.fields import Id

downloads = router(tags=["downloads"])


@downloads.get("/downloads", summary="List my downloads")
async def list_downloads(
    session: Reading, user: CurrentUser, page: Annotated[DownloadsPage, Query()]
) -> PageOf[DownloadOut]:
    """What the signed-in user bought and may download, newest first; of one order with `order_id`."""
    scope = f"downloads:{user.id}"
    rows = await queries.list_downloads(session, user.id, page.order_id, page.after(scope), page.limit)
    return page.page(rows, scope, DownloadOut.of, lambda row: row["id"])


async def _kept_by_nobody(response: Response) -> None:
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "no-referrer"


@downloads.post(
    "/downloads/{download_id}/url",
    summary="Get a link to download a file",
    dependencies=[Depends(_kept_by_nobody)],
)
@raises(
    *(DownloadRevoked, DownloadExpired, DownloadsUsedUp, DownloadNotFound, FileNotFound, FileRequired),
    NothingToDownload,
)
async def make_link(
    session: Tx,
    user: CurrentUser,
    download_id: Id,
    desk: FileDesk,
    wish: Annotated[DownloadWish | None, Body()] = None,
) -> DownloadLink:
    """A link that ends in a minute. It is counted, whether it is followed or not."""
    grant, asset = await download(session, user.id, download_id, wish.file_id if wish else None)
    seconds = desk.settings.download_ttl.total_seconds()
    url = await desk.stores.of(asset.store).link(asset.filed, seconds)
    return DownloadLink.of(grant, asset, {"url": url, "expires_at": now() + timedelta(seconds=seconds)})
