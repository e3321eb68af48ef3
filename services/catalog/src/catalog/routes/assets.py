"""Assets: uploads are registered, listed and deleted by their sellers; their store tells of them."""

from typing import Annotated, Any, Final

from fastapi import Query, Request, Response

from catalog import queries
from catalog.actions.uploading import delete_asset, look_again
from catalog.domain import AssetStatus
from catalog.errors import (
    AssetInUse,
    AssetNotFound,
    AssetRefused,
    FileNotFound,
    TooManyUploads,
    WebhookNotGenuine,
)
from catalog.models import Asset
from catalog.routes.desk import FileDesk
from catalog.routes.doors import Seller, owner
from catalog.schemas import AssetAskedFor, AssetOut, AssetsPage, NewAsset
from catalog.stores.imagekit import ImageKit
from common.errors import raises
from common.http import PageOf, Reading, Tx, Wait, router
from common.http.fields import Id

assets = router(tags=["assets"])

_EVENT: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
_ASKED: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": AssetAskedFor, "description": "The store has not said yet whose file this is."}
}


@assets.post(
    "/assets", status_code=201, summary="Register an upload", response_model=AssetOut | AssetAskedFor, responses=_ASKED
)
@raises(FileNotFound, AssetRefused, TooManyUploads)
async def register_asset(
    user: Seller, body: NewAsset, desk: FileDesk, wait: Wait, response: Response
) -> AssetOut | AssetAskedFor:
    """Have an upload looked at in its store, and wait (`Prefer: wait=N`) until it is known for what it is.

    Once more with the same body changes nothing. While the store does not answer it stays `checking`.
    """
    named = body.named(user.id)
    asset, known = await desk.register(named, wait)
    if asset is None or not _is_there(asset):
        if known:
            raise FileNotFound
        response.status_code = 202
        return AssetAskedFor(file_id=named.file_id or "")
    if asset.status == AssetStatus.REFUSED:
        raise AssetRefused(reason=asset.reason, asset_id=asset.id)
    response.headers["Location"] = f"/api/v1/assets/{asset.id}"
    return AssetOut.of(asset)


@assets.get("/assets", summary="List assets")
async def list_assets(session: Reading, user: Seller, page: Annotated[AssetsPage, Query()]) -> PageOf[AssetOut]:
    """The seller's own, newest first; administrators see everybody's. `status=orphaned` is what nobody registered."""
    scope = f"assets:{owner(user)}"
    rows = await queries.list_assets(session, owner(user), page.status, page.after(scope), page.limit)
    return page.page(rows, scope, AssetOut.of, lambda asset: asset.id)


@assets.get("/assets/{asset_id}", summary="Show an asset")
@raises(AssetNotFound)
async def show_asset(session: Reading, user: Seller, asset_id: Id) -> AssetOut:
    """As it stands, from the token for its upload on."""
    return AssetOut.of(await queries.get_asset(session, asset_id, owner(user)))


@assets.delete("/assets/{asset_id}", status_code=204, summary="Delete an asset")
@raises(AssetNotFound, AssetInUse)
async def remove_asset(session: Tx, user: Seller, asset_id: Id, desk: FileDesk) -> None:
    """One that no product has and nobody bought; its file goes, too."""
    asset = await queries.get_asset(session, asset_id, owner(user), lock=True)
    await delete_asset(session, asset, desk.late)


@assets.post("/assets/webhooks/imagekit", summary="ImageKit tells of a file", status_code=204, openapi_extra=_EVENT)
@raises(WebhookNotGenuine)
async def take_imagekit_webhook(session: Tx, request: Request, desk: FileDesk) -> None:
    """Signed news of a file has its store asked what has become of it; nothing that is said here is believed."""
    store = desk.stores.by_name.get("imagekit")
    if not isinstance(store, ImageKit):
        raise WebhookNotGenuine
    news = store.genuine(await request.body(), request.headers)
    if news.key or news.file_id:
        await look_again(session, news.key, news.file_id)


def _is_there(asset: Asset) -> bool:
    return asset.status in {AssetStatus.CHECKING, AssetStatus.READY, AssetStatus.REFUSED}
