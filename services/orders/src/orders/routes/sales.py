"""Sales: what sellers sold, day by day, as a list or as a sheet."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Request, Response

from common.auth import Principal, require
from common.errors import Forbidden, raises
from common.http import PageOf, Reading, router
from orders.errors import BadPeriod, SheetNotPaged, SheetTooLong
from orders.queries import list_sales
from orders.schemas import SalesOut, SalesPage, place, sheet

sales = router(tags=["sales"])
_LONGEST_SHEET: Final = 20_000
_SHEET: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A page of the list, or the whole sheet.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


@sales.get("/sales", summary="Add up sales", response_model=PageOf[SalesOut], responses=_SHEET)
@raises(BadPeriod, Forbidden, SheetNotPaged, SheetTooLong)
async def browse(
    request: Request,
    response: Response,
    page: Annotated[SalesPage, Query()],
    session: Reading,
    user: Annotated[Principal, require("seller", "admin")],
) -> object:
    """What the caller has sold, newest day first; what everybody has for administrators. A sheet has every row."""
    seller_id = _whose(user, page.seller)
    view, scope = page.view(seller_id), f"sales:{seller_id}"
    response.headers["Vary"] = "Accept, Authorization"
    if not _wants_sheet(request, page):
        rows = await list_sales(session, view, after=page.keys(scope), limit=page.limit + 1)
        return PageOf(items=[SalesOut.of(row) for row in rows[: page.limit]], next_cursor=page.next(rows, scope, place))
    if page.model_fields_set & {"limit", "cursor"}:
        raise SheetNotPaged
    rows = await list_sales(session, view, after=None, limit=_LONGEST_SHEET + 1)
    if len(rows) > _LONGEST_SHEET:
        raise SheetTooLong(most_rows=_LONGEST_SHEET)
    name = f"sales_{view.first}_{view.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": response.headers["Vary"]}
    return Response(sheet(rows), media_type="text/csv; charset=utf-8; header=present", headers=headers)


def _whose(user: Principal, asked: UUID | None) -> UUID | None:
    if user.has("admin"):
        return asked
    if asked not in {None, user.id}:
        raise Forbidden
    return user.id


def _wants_sheet(request: Request, page: SalesPage) -> bool:
    if page.format is not None:
        return page.format == "csv"
    wanted = _weights(",".join(request.headers.getlist("accept")))
    sheet = wanted.get("text/csv", 0)
    return sheet > 0 and sheet >= max(wanted.get(kind, 0) for kind in ("application/json", "application/*", "*/*"))


def _weights(accept: str) -> dict[str, float]:
    """Return how much each media type is wanted (RFC 9110, 12.5.1); what cannot be read is not."""
    found: dict[str, float] = {}
    for given in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in given.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        found[kind] = float(quality) if quality.replace(".", "", 1).isdecimal() and quality.isascii() else 0
    return found
