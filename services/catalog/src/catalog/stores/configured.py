"""The stores that the settings set up."""

from catalog.settings import CatalogSettings
from catalog.stores import Store, Stores
from catalog.stores.imagekit import ImageKit, ImageKitAccess
from catalog.stores.local import LocalDisk
from catalog.stores.s3 import Bucket, S3Access


def configured(settings: CatalogSettings) -> Stores:
    """Return every store that is set up; files stay in the one they were uploaded to."""
    stores: list[Store] = [
        LocalDisk(settings.asset_dir, settings.link_secret, settings.public_base, settings.watermark)
    ]
    timeout = settings.store_timeout.total_seconds()
    if settings.imagekit_private_key and settings.imagekit_public_key and settings.imagekit_url_endpoint:
        stores.append(
            ImageKit(
                ImageKitAccess(
                    private_key=settings.imagekit_private_key.get_secret_value(),
                    public_key=settings.imagekit_public_key,
                    url_endpoint=settings.imagekit_url_endpoint,
                    webhook_secrets=settings.imagekit_webhook_secrets,
                    api_base=settings.imagekit_api_base,
                    upload_base=settings.imagekit_upload_base,
                    fetch_endpoint=settings.imagekit_fetch_endpoint,
                    timeout=timeout,
                ),
                settings.watermark,
            )
        )
    if settings.s3_bucket and settings.s3_key_id and settings.s3_secret:
        access = S3Access(
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            key_id=settings.s3_key_id,
            secret=settings.s3_secret.get_secret_value(),
            endpoint=settings.s3_endpoint,
            timeout=timeout,
        )
        stores.append(Bucket(access, settings.public_base, settings.watermark))
    return Stores({store.name: store for store in stores}, settings.store)
