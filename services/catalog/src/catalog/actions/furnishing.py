"""Products get their files and pictures: assets of their seller that are ready, by their ids."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.errors import AssetNotReady
from catalog.models import Asset, Changes, Product
from catalog.queries import list_ready


async def furnish(session: AsyncSession, products: Iterable[Product]) -> None:
    """Give new products the pictures of the assets that their images and files name. Raises AssetNotReady."""
    whole = list(products)
    names: list[UUID | str] = [name for product in whole for name in chain[UUID | str](product.files, product.images)]
    known = await _known(session, names)
    for product in whole:
        _check(product, product.files, known)
        shown = product.images or [str(file) for file in product.files if known[file].preview_url]
        product.images, product.thumbnail = _pictures(product, shown, known)


async def furnished(session: AsyncSession, product: Product, changes: Changes) -> Changes:
    """Return the changes of a product with addresses for the assets they name. Raises AssetNotReady."""
    if not changes.keys() & {"files", "images"}:
        return changes
    files: Sequence[UUID] = changes.get("files", product.files)
    known = await _known(session, [*files, *changes.get("images", [])])
    if "files" in changes:
        _check(product, files, known)
    shown = changes.get("images") or ([] if product.images and "images" not in changes else _previews(files, known))
    if "images" not in changes and not shown:
        return changes
    images, thumbnail = _pictures(product, shown, known)
    if images[:1] == product.images[:1]:
        thumbnail = product.thumbnail
    return changes | {"images": images, "thumbnail": thumbnail}


def _previews(files: Iterable[UUID], known: Mapping[UUID, Asset]) -> list[str]:
    return [str(file) for file in files if file in known and known[file].preview_url]


async def _known(session: AsyncSession, names: Iterable[UUID | str]) -> Mapping[UUID, Asset]:
    wanted = {id_ for name in names if (id_ := _id(name)) is not None}
    return await list_ready(session, wanted) if wanted else {}


def _check(product: Product, files: Iterable[UUID], known: Mapping[UUID, Asset]) -> None:
    if missing := [str(file) for file in files if file not in known or known[file].owner_id != product.seller_id]:
        raise AssetNotReady(assets=missing)


def _pictures(product: Product, shown: Sequence[str], known: Mapping[UUID, Asset]) -> tuple[list[str], str | None]:
    """Return the addresses of images given by addresses and asset ids, and the small one of the first."""
    addresses, thumbnail = [], None
    for place, name in enumerate(shown):
        id_ = _id(name)
        asset = known.get(id_) if id_ else None
        if id_ and (asset is None or asset.owner_id != product.seller_id or asset.preview_url is None):
            raise AssetNotReady(assets=[name])
        addresses.append((asset.preview_url if asset else None) or name)
        if place == 0:
            thumbnail = asset.thumbnail_url if asset else name
    return addresses, thumbnail


def _id(name: UUID | str) -> UUID | None:
    if isinstance(name, UUID):
        return name
    return None if "/" in name else UUID(name)
