"""The JSON of catalog's API, in and out."""

from catalog.schemas.categories import CategoryChanges, CategoryOut, NewCategory
from catalog.schemas.downloads import DownloadOut
from catalog.schemas.products import ProductOut, ProductPage, shown
from catalog.schemas.selling import NewProduct, ProductChanges
from catalog.schemas.stock import StockChange, StockEntryOut, StockLineOut

__all__ = [
    "CategoryChanges",
    "CategoryOut",
    "DownloadOut",
    "NewCategory",
    "NewProduct",
    "ProductChanges",
    "ProductOut",
    "ProductPage",
    "StockChange",
    "StockEntryOut",
    "StockLineOut",
    "shown",
]
