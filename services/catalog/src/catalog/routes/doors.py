"""What catalog's routes share: who may come in, and how refusals are documented."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from common.auth import Principal, principal, require
from common.errors import Unauthenticated, raises

Seller = Annotated[Principal, require("seller", "admin")]
Admin = Annotated[Principal, require("admin")]

_WORDS = {
    400: "The request could not be understood.",
    401: "A valid access token is needed.",
    403: "Only sellers and administrators may do this.",
    404: "There is no such thing, or it is not yours.",
    409: "What is there does not allow it now.",
    412: "It has changed since it was read.",
    422: "The request is not valid.",
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is as the client has it."}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of refusals with these statuses."""
    content: dict[str, Any] = {"application/problem+json": {"schema": {"type": "object"}}}
    return {status: {"description": _WORDS[status], "content": content} for status in statuses}


@raises(Unauthenticated)
async def who_asks(request: Request) -> Principal | None:
    """Return who asks, if they say so; raises Unauthenticated."""
    return await principal(request) if "authorization" in request.headers else None


Visitor = Annotated[Principal | None, Depends(who_asks)]


def owner(user: Principal) -> UUID | None:
    """Whose products a user may change: None for everybody's."""
    return None if user.has("admin") else user.id
