"""Exporting products, in the very form in which they are imported."""

import csv
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from souk.client import Client
from souk.goods.columns import COLUMNS, cells_of

Json = dict[str, Any]
# What is imported as it is shown.
_SAME = (
    "sku kind name status slug description prices stock category tags images licence min_quantity max_quantity"
    " low_stock download_limit download_days metadata"
).split()


async def fetch_products(sign_in: Callable[[], Awaitable[Client]], seller_id: str | None) -> AsyncIterator[Json]:
    """Yield the products of the signed-in seller, drafts too, oldest first; administrators have all or one seller's."""
    client, cursor = await sign_in(), ""
    while True:
        asked = {"status": "all", "sort": "oldest", "limit": "100"}
        asked |= {name: value for name, value in (("seller", seller_id), ("cursor", cursor)) if value}
        page = await client.get("/products", params=asked)
        for product in page["items"]:
            if product["status"] != "archived":  # which is for good, and would be refused
                yield product
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def write_products(products: AsyncIterator[Json], path: Path) -> int:
    """Write products to a file, `.csv` or `.jsonl`; return how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, restval="") if path.suffix == ".csv" else None
        if rows is not None:
            rows.writeheader()
        async for product in products:
            count += 1
            given = as_given(product)
            if rows is not None:
                rows.writerow(cells_of(given))
            else:
                file.write(json.dumps(given, ensure_ascii=False) + "\n")
    return count


def as_given(product: Json) -> Json:
    """Return a product as it would be put up; one without a sku gets its slug for one."""
    given = {name: product[name] for name in _SAME if product[name] is not None}
    given["sku"] = product["sku"] or product["slug"]
    if product["variants"]:
        given.pop("stock", None)
        given.pop("prices", None)
        return given | {"variants": [_variant(variant) for variant in product["variants"]]}
    return given | {"price": product["regular_price"]}


def _variant(variant: Json) -> Json:
    kept = {name: variant[name] for name in ("options", "sku", "prices", "stock") if variant[name] is not None}
    return kept | {"price": variant["regular_price"]}
