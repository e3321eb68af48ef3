"""The JSON of catalog's API, in and out."""

from catalog.schemas.assets import AssetAskedFor, AssetOut, AssetsPage, NewAsset, NewUpload, UploadedOut, UploadOut
from catalog.schemas.categories import CategoryChanges, CategoryOut, NewCategory
from catalog.schemas.downloads import DownloadLink, DownloadOut, DownloadsPage, DownloadWish
from catalog.schemas.fields import SLUG
from catalog.schemas.importing import Import, Imported, ImportOut, read_line
from catalog.schemas.products import ProductOut, ProductPage, shown
from catalog.schemas.selling import NewProduct, ProductChanges
from catalog.schemas.stock import StockChange, StockEntryOut, StockLineOut

__all__ = [
    "SLUG",
    "AssetAskedFor",
    "AssetOut",
    "AssetsPage",
    "CategoryChanges",
    "CategoryOut",
    "DownloadLink",
    "DownloadOut",
    "DownloadWish",
    "DownloadsPage",
    "Import",
    "ImportOut",
    "Imported",
    "NewAsset",
    "NewCategory",
    "NewProduct",
    "NewUpload",
    "ProductChanges",
    "ProductOut",
    "ProductPage",
    "StockChange",
    "StockEntryOut",
    "StockLineOut",
    "UploadOut",
    "UploadedOut",
    "read_line",
    "shown",
]
