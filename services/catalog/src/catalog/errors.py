"""The ways in which catalog says no."""

from typing import ClassVar

from common.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable


class ProductNotFound(NotFound):
    """There is no such product, or it is not yours."""


class CategoryNotFound(NotFound):
    """There is no such category."""


class ProductNoLongerSold(Conflict):
    """The product is archived and cannot be changed."""


class SlugTaken(Conflict):
    """Another product has this slug."""


class SkuTaken(Conflict):
    """Another of your products has this sku."""


class CategoryTaken(Conflict):
    """There is a category of this name at this place."""


class CategoryInUse(Conflict):
    """The category has products or categories in it."""


class CategoryTooDeep(Invalid):
    """A category has at most five levels, and cannot be moved below itself."""


class VariantNotFound(NotFound):
    """The product has no such variant."""


class VariantRequired(Invalid):
    """The product is sold in variants: name one."""


class PricedByVariant(Invalid):
    """The product is sold in variants, and each has its own prices."""


class PriceWithoutTime(Invalid):
    """A planned price begins before it ends."""


class PricesOverlap(Invalid):
    """Two prices in one currency hold at the same time."""


class VariantsAlike(Invalid):
    """Variants have the same options with different values."""


class MixedCurrencies(Invalid):
    """The ordinary prices of all variants are in one currency; others are further prices."""


class QuantitiesCross(Invalid):
    """The least quantity is not above the most."""


class StockIsUnlimited(Conflict):
    """The stock is unlimited: there is nothing to count."""


class StockTooLow(Conflict):
    """That would take away stock which is reserved for orders or is not there."""


class UploadTooLarge(Invalid):
    """The file is larger than this shop takes."""


class TooManyUploads(TooMany):
    """Upload, or let expire, what you have tokens for already."""

    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class UploadRefused(Forbidden):
    """The upload's token is not valid, or not any more."""


class UploadUsed(Conflict):
    """This token has brought its file already: ask for another."""


class UploadNotAsAnnounced(Invalid):
    """The upload is not what its token was issued for."""


class UploadMalformed(BadRequest):
    """Send a multipart form: the token first, then one file."""


class AssetNotFound(NotFound):
    """There is no such asset, or it is not yours."""


class FileNotFound(NotFound):
    """There is no such file, or it is not yours."""


class AssetRefused(Invalid):
    """The file is not what was announced, or nothing that can be sold here: `reason` says why."""


class AssetInUse(Conflict):
    """A product is sold with this file, or somebody has bought it."""


class AssetNotReady(Invalid):
    """A file or an image is not one of the seller's assets that are ready."""


class WebhookNotGenuine(BadRequest):
    """The signature is missing, wrong or too old."""


class LinkNotValid(Forbidden):
    """The link has expired, or was never given out."""


class DownloadNotFound(NotFound):
    """There is no such download, or it is not yours."""


class DownloadRevoked(Forbidden):
    """What was bought was given back."""


class DownloadExpired(Forbidden):
    """The time in which this could be downloaded is over."""


class DownloadsUsedUp(Forbidden):
    """This was downloaded as often as was bought."""


class NothingToDownload(Conflict):
    """The seller has not provided the file yet."""


class FileRequired(Invalid):
    """More than one file was bought: name one by its `file_id`."""


class StoreAway(Unavailable):
    """The store of this file is not set up any more."""


class StoreUnreachable(Exception):  # noqa: N818 - names what happened
    """A store gave no answer, or none that tells anything: to be asked again."""


class ForbiddenMove(Exception):  # noqa: N818 - names what was tried
    """A status was to change in a way the table of moves does not have: a fault of ours."""
