"""Files on a disk of ours: our own routes take what browsers send, and hand out what buyers fetch."""

import hmac
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from obstore.store import LocalStore

from catalog.domain import Filed, Ticket
from catalog.errors import LinkNotValid, UploadRefused
from catalog.stores.objects import Objects, incoming

_DIGITS: Final = 12


class LocalDisk(Objects):
    """A folder. Tokens and links are signed with a secret that all our processes share."""

    name = "local"

    def __init__(self, folder: Path, secret: str, base: str, watermark: str) -> None:
        super().__init__(partial(LocalStore, folder, mkdir=True, automatic_cleanup=True), base, watermark)
        self._folder, self._secret = folder, secret.encode()

    async def ticket(self, filed: Filed, issued_at: datetime, expires_at: datetime) -> Ticket:
        """Return what a browser sends to our own route."""
        del issued_at
        ends = int(expires_at.timestamp())
        token = f"{ends}.{self._sign(_upload(filed, ends))}"
        url = f"{self._base}/api/v1/uploads/{filed.asset_id}"
        return Ticket(method="POST", url=url, fields={"token": token}, expires_at=expires_at)

    def admit(self, filed: Filed, token: str) -> None:
        """Raise UploadRefused unless the token is for this file, and its time not over."""
        ends, _, signature = token.partition(".")
        if not self._holds(ends, signature, _upload(filed, ends)):
            raise UploadRefused

    async def link(self, filed: Filed, seconds: float) -> str:
        """Return an address of our own that ends."""
        ends = int(time.time() + seconds)
        signature = self._sign(_download(filed.asset_id, ends))
        return f"{self._base}/api/v1/files/{filed.asset_id}?expires={ends}&signature={signature}"

    def check_link(self, asset_id: UUID, expires: str, signature: str) -> None:
        """Raise LinkNotValid unless we gave the link out, and its time is not over."""
        if not self._holds(expires, signature, _download(asset_id, expires)):
            raise LinkNotValid

    def path(self, filed: Filed) -> Path:
        """Return where a file is."""
        return self._folder / filed.key

    def landing(self, filed: Filed) -> Path:
        """Return where a browser's upload is to be written."""
        return self._folder / incoming(filed)

    def _holds(self, ends: str, signature: str, what: str) -> bool:
        known = ends.isascii() and ends.isdigit() and len(ends) <= _DIGITS
        return known and hmac.compare_digest(self._sign(what), signature) and time.time() < int(ends)

    def _sign(self, what: str) -> str:
        return hmac.digest(self._secret, what.encode(), "sha256").hex()


def _upload(filed: Filed, ends: object) -> str:
    return f"upload|{filed.asset_id}|{filed.key}|{filed.content_type}|{filed.size}|{ends}"


def _download(asset_id: UUID, ends: object) -> str:
    return f"download|{asset_id}|{ends}"
