"""One request to the stand-in's API, from its bytes to a deed."""

import json

from starlette.requests import Request
from starlette.responses import Response

from sandbox.imagekit import access, forms, uploads
from sandbox.imagekit.account import Account
from sandbox.imagekit.errors import ImageKitError
from sandbox.imagekit.operations import Asked, Operation, find_operation
from sandbox.imagekit.performing import Performer, as_json
from sandbox.imagekit.uploads import Upload
from sandbox.provider import JsonObject


class Api:
    """The endpoints behind `/v1/…` and `/api/v…/files/upload`."""

    def __init__(self, account: Account, performer: Performer) -> None:
        self._account = account
        self._performer = performer

    async def answer(self, request: Request) -> Response:
        """The library's endpoint."""
        try:
            operation, asked = await self._understand(request)
        except ImageKitError as error:
            return as_json(error.answer())

        async def deed() -> Response:
            return as_json(self._account.run(lambda books: operation.run(books, asked)))

        return await self._performer.perform(operation.name, deed)

    async def upload(self, request: Request) -> Response:
        """The endpoint of uploads, from servers and from browsers."""
        try:
            incoming = await forms.received(request, self._account.blobs)
        except ImageKitError as error:
            return as_json(error.answer())
        upload = Upload(request.path_params["version"], request.headers.get("authorization", ""), incoming)

        async def deed() -> Response:
            account = self._account
            return as_json(account.run(lambda books: uploads.receive(books, account.blobs, upload, account.keys)))

        try:
            return await self._performer.perform("upload", deed)
        finally:
            incoming.part.unlink(missing_ok=True)  # it has its name by now, or nobody wants it

    async def _understand(self, request: Request) -> tuple[Operation, Asked]:
        access.check_key(request.headers.get("authorization", ""), self._account.keys)
        found = find_operation(request.method, request.path_params["path"])
        if found is None:
            raise ImageKitError("Your request is invalid. Please check the API endpoint.", 404)
        operation, ids = found
        return operation, Asked(await _given(request), ids)


async def _given(request: Request) -> JsonObject:
    """The parameters: of the query for GET, else of the JSON body. Raises `ImageKitError`."""
    if request.method == "GET":
        return dict(request.query_params)
    try:
        given = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise ImageKitError("Your request contains invalid JSON.") from error
    if not isinstance(given, dict):
        raise ImageKitError("Your request contains invalid JSON.")
    return given
