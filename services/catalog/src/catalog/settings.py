"""What catalog reads from the environment beyond what every service reads."""

import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from common.credentials import guessable
from common.settings import Duration, HttpUrl, ServiceSettings, SomeTime

StoreName = Literal["local", "imagekit", "s3"]


class CatalogSettings(ServiceSettings):
    """Catalog's own variables."""

    service: ClassVar[str] = "catalog"

    overdue_after: Annotated[Duration, Field(alias="RESERVATION_OVERDUE_AFTER")] = timedelta(hours=1)
    overdue_check: Annotated[Duration, Field(alias="RESERVATION_OVERDUE_CHECK")] = timedelta(minutes=1)
    price_turns: Annotated[Duration, Field(alias="PRICE_TURNS_CHECK")] = timedelta(seconds=1)

    asset_store: Annotated[StoreName | None, Field(alias="ASSET_STORE")] = None
    asset_dir: Annotated[Path, Field(alias="ASSET_DIR")] = Path("assets")
    asset_secret: Annotated[SecretStr | None, Field(alias="ASSET_SECRET", min_length=16)] = None
    watermark: Annotated[str, Field(alias="ASSET_WATERMARK", pattern=r"^[A-Za-z0-9 ._-]{1,30}$")] = "PREVIEW"
    store_timeout: Annotated[SomeTime, Field(alias="ASSET_STORE_TIMEOUT", le=timedelta(minutes=1))] = timedelta(
        seconds=10
    )
    imagekit_private_key: Annotated[SecretStr | None, Field(alias="IMAGEKIT_PRIVATE_KEY")] = None
    imagekit_public_key: Annotated[str | None, Field(alias="IMAGEKIT_PUBLIC_KEY")] = None
    imagekit_url_endpoint: Annotated[HttpUrl | None, Field(alias="IMAGEKIT_URL_ENDPOINT")] = None
    imagekit_webhook_secret: Annotated[SecretStr | None, Field(alias="IMAGEKIT_WEBHOOK_SECRET")] = None
    imagekit_api_base: Annotated[HttpUrl | None, Field(alias="IMAGEKIT_API_BASE")] = None
    imagekit_upload_base: Annotated[HttpUrl | None, Field(alias="IMAGEKIT_UPLOAD_BASE")] = None
    imagekit_fetch_endpoint: Annotated[HttpUrl | None, Field(alias="IMAGEKIT_FETCH_ENDPOINT")] = None
    s3_bucket: Annotated[str | None, Field(alias="S3_BUCKET")] = None
    s3_region: Annotated[str, Field(alias="S3_REGION")] = "us-east-1"
    s3_endpoint: Annotated[HttpUrl | None, Field(alias="S3_ENDPOINT")] = None
    s3_key_id: Annotated[str | None, Field(alias="S3_ACCESS_KEY_ID")] = None
    s3_secret: Annotated[SecretStr | None, Field(alias="S3_SECRET_ACCESS_KEY")] = None

    upload_ttl: Annotated[SomeTime, Field(alias="UPLOAD_TOKEN_TTL", lt=timedelta(hours=1))] = timedelta(minutes=10)
    uploads_per_user: Annotated[int, Field(alias="UPLOAD_TOKENS_PER_USER", ge=1)] = 20
    max_upload: Annotated[int, Field(alias="MAX_UPLOAD_BYTES", ge=1)] = 100_000_000
    max_pixels: Annotated[int, Field(alias="MAX_IMAGE_PIXELS", ge=1)] = 100_000_000
    orphans_kept: Annotated[Duration, Field(alias="UPLOAD_ORPHANS_KEPT")] = timedelta(hours=24)
    tidy_check: Annotated[SomeTime, Field(alias="ASSET_TIDY_CHECK")] = timedelta(minutes=1)
    download_ttl: Annotated[
        SomeTime, Field(alias="DOWNLOAD_URL_TTL", ge=timedelta(seconds=1), le=timedelta(hours=1))
    ] = timedelta(seconds=60)

    _chance: str = PrivateAttr(default_factory=lambda: secrets.token_hex(32))

    @model_validator(mode="after")
    def _store_is_set_up(self) -> Self:
        if missing := [name for name, value in self._needed().items() if not value]:
            raise ValueError(f"{missing[0]} is missing: files are kept by {self.store}.")
        return self

    @model_validator(mode="after")
    def _nothing_of_the_sandbox_in_production(self) -> Self:
        if self.environment != "production" or not self.imagekit_private_key:
            return self
        if guessable(self.imagekit_public_key or ""):
            raise ValueError("IMAGEKIT_PUBLIC_KEY must not be the sandbox's in production: write your own.")
        for name, base in (
            ("IMAGEKIT_API_BASE", self.imagekit_api_base),
            ("IMAGEKIT_UPLOAD_BASE", self.imagekit_upload_base),
            ("IMAGEKIT_URL_ENDPOINT", self.imagekit_url_endpoint),
        ):
            if base and "/sandbox" in base:
                raise ValueError(f"{name} must not be the sandbox's in production: leave it empty, or write your own.")
        if self.role != "worker" and not self.imagekit_webhook_secrets:
            raise ValueError("IMAGEKIT_WEBHOOK_SECRET is missing: without it every webhook is refused.")
        return self

    def _needed(self) -> Mapping[str, object]:
        if self.store == "imagekit":
            return {
                "IMAGEKIT_PRIVATE_KEY": self.imagekit_private_key,
                "IMAGEKIT_PUBLIC_KEY": self.imagekit_public_key,
                "IMAGEKIT_URL_ENDPOINT": self.imagekit_url_endpoint,
            }
        if self.store == "s3":
            return {
                "S3_BUCKET": self.s3_bucket,
                "S3_ACCESS_KEY_ID": self.s3_key_id,
                "S3_SECRET_ACCESS_KEY": self.s3_secret,
            }
        # Every process must be able to check what another one has signed.
        shared = self.asset_secret or self.seal_private_key or self.environment != "production"
        return {"ASSET_SECRET": shared}

    @property
    def store(self) -> StoreName:
        """Where new files are kept: as set, else at ImageKit if there is a key, else on our own disk."""
        return self.asset_store or ("imagekit" if self.imagekit_private_key else "local")

    @property
    def link_secret(self) -> str:
        """What signs our own links and tokens: as set, else made of the key that opens seals, else made up."""
        if self.asset_secret:
            return self.asset_secret.get_secret_value()
        sealing = json.dumps(self.seal_private_key, sort_keys=True) if self.seal_private_key else self._chance
        return hmac.digest(sealing.encode(), b"asset links", "sha256").hex()

    @property
    def imagekit_webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign webhooks: two while one is being replaced, none without the setting."""
        given = self.imagekit_webhook_secret.get_secret_value() if self.imagekit_webhook_secret else ""
        return tuple(filter(None, (part.strip() for part in given.split(","))))
