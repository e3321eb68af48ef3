"""Products as lines of CSV: which columns there are, and what a cell stands for.

Tags and images have `|` between them, prices, variants and metadata are JSON, an empty cell says nothing.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

_TEXT: Final = ("sku", "kind", "name", "status", "slug", "description", "category", "licence")
_NUMBERS: Final = ("stock", "min_quantity", "max_quantity", "low_stock", "download_limit", "download_days")
_LISTS: Final = ("tags", "images", "files")
_JSON: Final = ("prices", "variants", "metadata")
_MONEY: Final = ("amount", "currency")
COLUMNS: Final = (*_TEXT, *_MONEY, *_NUMBERS, *_LISTS, *_JSON)
# A cell that begins so is a formula to a spreadsheet; one that is written with an apostrophe before it is text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class CellError(ValueError):
    """A cell that does not say what its column is for."""


def product_of(cells: Mapping[str, str]) -> Json:
    """Return a line of cells as a product of the API; raises CellError."""
    given = {name: _plain(cell) for name, cell in cells.items() if cell}
    product: Json = {name: given[name] for name in _TEXT if name in given}
    product |= {name: _number(name, given[name]) for name in _NUMBERS if name in given}
    product |= {name: given[name].split("|") for name in _LISTS if name in given}
    product |= {name: _json(name, given[name]) for name in _JSON if name in given}
    if "amount" in given or "currency" in given:
        product["price"] = {
            "amount": _number("amount", given.get("amount", "")),
            "currency": given.get("currency", ""),
        }
    return product


def sku_of(cells: Mapping[str, str]) -> str | None:
    """Return whose line it is, whatever is in its other cells."""
    return _plain(cells.get("sku", "")) or None


def cells_of(product: Json) -> dict[str, str]:
    """Return a product to import as a line of cells."""
    cells = {name: str(product[name]) for name in (*_TEXT, *_NUMBERS) if product.get(name) is not None}
    cells |= {name: "|".join(product[name]) for name in _LISTS if product.get(name)}
    cells |= {name: json.dumps(product[name], ensure_ascii=False) for name in _JSON if product.get(name)}
    if "price" in product:
        cells |= {name: str(product["price"][name]) for name in _MONEY}
    return {name: f"'{cell}" if cell.startswith(_FORMULA) else cell for name, cell in cells.items()}


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _number(name: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()):
        message = f"{name} is a whole number in digits"
        raise CellError(message)
    return int(cell)


def _json(name: str, cell: str) -> object:
    try:
        return json.loads(cell)
    except ValueError as error:
        message = f"{name} is written as JSON"
        raise CellError(message) from error
