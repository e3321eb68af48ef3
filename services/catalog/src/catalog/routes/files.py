"""Files: pictures for everybody, and what was bought for who has a link to it."""

from typing import Annotated, Any, Final, Literal

from fastapi import Query
from fastapi.responses import FileResponse, Response

from catalog.domain import AssetStatus
from catalog.errors import FileNotFound, LinkNotValid
from catalog.models import Asset
from catalog.queries import find_asset
from catalog.routes.desk import Desk, FileDesk
from catalog.stores.local import LocalDisk
from catalog.stores.objects import Objects
from common.errors import raises
from common.http import router
from common.http.fields import Id

files = router(tags=["assets"])

_PUBLIC: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_PRIVATE: Final = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}
_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}


@files.get(
    "/files/previews/{asset_id}/{name}",
    summary="Look at an image that is sold",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": _BINARY}}},
)
@raises(FileNotFound)
async def show_picture(asset_id: Id, name: Literal["preview.jpg", "thumbnail.jpg"], desk: FileDesk) -> Response:
    """Watermarked, or small: drawn anew, with nothing of what its camera wrote down."""
    asset = await _find(desk, asset_id)
    store = desk.stores.of(asset.store)
    picture = await store.picture(asset.filed, name) if isinstance(store, Objects) else None
    if picture is None:
        raise FileNotFound
    return Response(picture, media_type="image/jpeg", headers=_PUBLIC)


@files.get(
    "/files/{asset_id}",
    summary="Fetch a file by a link",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": _BINARY}}},
)
@raises(FileNotFound, LinkNotValid)
async def fetch_file(
    asset_id: Id,
    expires: Annotated[str, Query(max_length=20)],
    signature: Annotated[str, Query(max_length=100)],
    desk: FileDesk,
) -> FileResponse:
    """The original, for who has a link of `POST /downloads/{id}/url` that has not ended."""
    disk = desk.stores.by_name.get("local")
    if not isinstance(disk, LocalDisk):
        raise LinkNotValid
    disk.check_link(asset_id, expires, signature)
    asset = await _find(desk, asset_id)
    path = disk.path(asset.filed)
    if asset.store != disk.name or not path.is_file():
        raise FileNotFound
    return FileResponse(path, media_type=asset.content_type, filename=asset.name, headers=_PRIVATE)


async def _find(desk: Desk, asset_id: Id) -> Asset:
    async with desk.database.reading() as session:
        asset = await find_asset(session, asset_id)
    if asset is None or asset.status != AssetStatus.READY:
        raise FileNotFound
    return asset
