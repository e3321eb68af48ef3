"""Files in a bucket that speaks S3: browsers upload by a signed form, buyers fetch by a signed address."""

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import obstore
from obstore.store import S3Store

from catalog.domain import Filed, Ticket
from catalog.stores.objects import Objects, incoming

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """Where a bucket is and who we are there; no endpoint means Amazon's own."""

    bucket: str
    region: str
    key_id: str
    secret: str
    endpoint: str | None = None
    timeout: float = 10

    @property
    def url(self) -> str:
        """The bucket's address."""
        if self.endpoint:
            return f"{self.endpoint.rstrip('/')}/{self.bucket}"
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com"


class Bucket(Objects):
    """A private bucket. The signed form (POST policy) holds for one key, type and size, until its time is over."""

    name = "s3"

    def __init__(self, access: S3Access, base: str, watermark: str) -> None:
        self._access = access
        endpoint = access.endpoint or f"https://s3.{access.region}.amazonaws.com"
        objects = S3Store(
            access.bucket,
            region=access.region,
            endpoint=endpoint,
            access_key_id=access.key_id,
            secret_access_key=access.secret,
            virtual_hosted_style_request=False,
            client_options={"allow_http": endpoint.startswith("http:"), "timeout": timedelta(seconds=access.timeout)},
            retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=access.timeout)},
        )
        super().__init__(lambda: objects, base, watermark)
        self._signing = objects

    async def ticket(self, filed: Filed, issued_at: datetime, expires_at: datetime) -> Ticket:
        """Return the form a browser sends to the bucket."""
        day = f"{issued_at:%Y%m%d}"
        scope = f"{day}/{self._access.region}/s3/aws4_request"
        fields = {
            "key": incoming(filed),
            "Content-Type": filed.content_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filed.name, safe='')}",
            "success_action_status": "201",
            "x-amz-algorithm": _ALGORITHM,
            "x-amz-credential": f"{self._access.key_id}/{scope}",
            "x-amz-date": f"{issued_at:%Y%m%dT%H%M%SZ}",
        }
        conditions = [{"bucket": self._access.bucket}, *({name: value} for name, value in fields.items())]
        policy = {
            "expiration": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
            "conditions": [*conditions, ["content-length-range", filed.size, filed.size]],
        }
        written = base64.b64encode(json.dumps(policy).encode()).decode()
        fields |= {"policy": written, "x-amz-signature": self._sign(day, written)}
        return Ticket(method="POST", url=self._access.url, fields=fields, expires_at=expires_at)

    async def link(self, filed: Filed, seconds: float) -> str:
        """Return an address of the bucket's that ends."""
        return obstore.sign(self._signing, "GET", filed.key, timedelta(seconds=seconds))

    def _sign(self, day: str, policy: str) -> str:
        key = f"AWS4{self._access.secret}".encode()
        for part in (day, self._access.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, policy.encode(), "sha256").hex()
