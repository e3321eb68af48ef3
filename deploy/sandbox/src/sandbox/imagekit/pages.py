"""The library for people: what was uploaded last, with pictures."""

import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sandbox.imagekit.account import Account
from sandbox.imagekit.books import ACCOUNT, NAME, Books
from sandbox.imagekit.objects import url_of
from sandbox.imagekit.signature import signed_path
from sandbox.pages import render, root_of
from sandbox.provider import JsonObject

_SHOWN: Final = 200
_MINUTES: Final = 600


class LibraryPage:
    """A page that has the account's key, and so sees private files too."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def show(self, request: Request) -> Response:
        """The page."""
        with self._account.store.transaction() as db:
            files = Books(db, self._account.world).newest(_SHOWN)
        return render(request, "imagekit.html", {"files": [self._file(request, file) for file in files]})

    def _file(self, request: Request, file: JsonObject) -> JsonObject:
        here = f"{root_of(request)}/{NAME}/cdn/{ACCOUNT}/"
        below = url_of(file["filePath"], "").partition(f"/{ACCOUNT}/")[2]
        until = int(time.time()) + _MINUTES
        url = here + signed_path(below, self._account.keys.private, until)
        small = here + signed_path(f"{below}?tr=w-160,h-120,c-at_max", self._account.keys.private, until)
        return file | {"open": url, "small": small if "width" in file else None}
