"""Where files are kept: the contract a store's adapter keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from catalog.domain import Filed, Found, Pictures, Ticket
from catalog.errors import StoreAway


class Store(Protocol):
    """A store of files. Originals are private: nobody reads one but through a link that ends.

    `ticket` and `link` need no network; what does raises StoreUnreachable when there is no answer that tells anything.
    """

    name: str

    async def ticket(self, filed: Filed, issued_at: datetime, expires_at: datetime) -> Ticket:
        """Return what a browser sends to upload this file and no other, once, until then."""
        ...

    async def locate(self, file_id: str) -> str | None:
        """Return the key of what the store calls by this id, or None."""
        ...

    async def find(self, filed: Filed) -> Found | None:
        """Return what is there of an uploaded file, by its content, or None; from here on nobody can replace it."""
        ...

    async def show(self, filed: Filed) -> Pictures:
        """Make an image's public pictures, without what its original says of people and places; once more is no harm.

        Raises ValueError for what turns out to be no image.
        """
        ...

    async def delete(self, filed: Filed) -> None:
        """Delete a file and its pictures; what is not there is deleted already."""
        ...

    async def link(self, filed: Filed, seconds: float) -> str:
        """Return an address at which anybody may fetch the original for so long."""
        ...

    async def disconnect(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class News:
    """What a webhook is about: a file by its key, or by what the store calls it; other news name neither."""

    key: str | None = None
    file_id: str | None = None


class Witness(Protocol):
    """A store that tells of its files by webhooks."""

    def genuine(self, body: bytes, headers: Mapping[str, str]) -> News:
        """Return what a webhook is about; raises WebhookNotGenuine."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that are set up, by name; new files go to the `chosen` one."""

    by_name: Mapping[str, Store]
    chosen: str

    @property
    def current(self) -> Store:
        """Where new files go."""
        return self.by_name[self.chosen]

    def of(self, name: str) -> Store:
        """Return a store; raises StoreAway."""
        if name not in self.by_name:
            raise StoreAway
        return self.by_name[name]

    async def disconnect(self) -> None:
        """Close all connections."""
        for store in self.by_name.values():
            await store.disconnect()
