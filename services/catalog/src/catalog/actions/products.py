"""What sellers do: put products up, change them, archive them and count their stock."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.actions.telling import tell
from catalog.errors import StockIsUnlimited, StockTooLow
from catalog.models import Changes, Product, ProductPrice, Stock, StockEntry
from catalog.queries import get_current_price, get_product_to_change, list_free
from common.contracts.catalog import ProductArchived, ProductCreated, ProductUpdated
from common.db import fetch
from common.outbox import emit

_COUNT = """
UPDATE stock SET on_hand = on_hand + $2 WHERE product_id = $1 AND on_hand + $2 >= reserved
RETURNING on_hand - reserved AS free
"""


async def create_product(session: AsyncSession, product: Product, stock: int | None) -> None:
    """Put a product up with so many pieces, or without a count."""
    session.add(product)
    await session.flush()
    session.add(ProductPrice(product_id=product.id, price=product.price, valid_from=product.created_at))
    if stock is not None:
        session.add(Stock(product_id=product.id, on_hand=stock))
        session.add(StockEntry(product_id=product.id, delta=stock, reason="initial stock", actor_id=product.seller_id))
    tell(session, product.born(), ProductCreated.model_validate(_facts(product)))
    await session.flush()


async def edit_product(session: AsyncSession, product_id: UUID, seller_id: UUID | None, changes: Changes) -> None:
    """Change a product; the price it had stays good for the orders made until now.

    Raises ProductNotFound and ProductNoLongerSold.
    """
    product = await get_product_to_change(session, product_id, seller_id)
    price = product.price
    if not product.edit(changes):
        return
    if product.price != price:
        (await get_current_price(session, product_id)).valid_to = product.updated_at
        await session.flush()
        session.add(ProductPrice(product_id=product_id, price=product.price, valid_from=product.updated_at))
    emit(session, ProductUpdated.model_validate(_facts(product)))
    await session.flush()


async def archive_product(session: AsyncSession, product_id: UUID, seller_id: UUID | None) -> None:
    """Stop selling a product; once more changes nothing. Raises ProductNotFound."""
    product = await get_product_to_change(session, product_id, seller_id)
    if product.active:
        change = product.archive()
        tell(session, change, ProductArchived(product_id=product_id, version_number=product.version))


async def count_stock(session: AsyncSession, product_id: UUID, seller_id: UUID | None, entry: StockEntry) -> int:
    """Add a journal line and what it says to the stock; return what is free then.

    Raises ProductNotFound, StockIsUnlimited, and StockTooLow when it would fall below what is reserved.
    """
    await get_product_to_change(session, product_id, seller_id)
    rows = await fetch(session, _COUNT, product_id, entry.delta)
    if not rows:
        free = await list_free(session, [product_id])
        if not free:
            raise StockIsUnlimited
        raise StockTooLow(free=free[product_id])
    session.add(entry)
    left: int = rows[0]["free"]
    return left


def _facts(product: Product) -> dict[str, object]:
    return {
        "product_id": product.id,
        "version_number": product.version,
        "kind": product.kind,
        "name": product.name,
        "price": product.price,
        "active": product.active,
        "seller_id": product.seller_id,
        "images": product.images,
    }
