"""Sales as JSON, and as a sheet."""

import csv
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Annotated, Final, Literal, Self
from unicodedata import normalize
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from common.http import Page
from common.http.fields import YEARS, Currency, Id, MoneyOut
from common.http.paging import BadCursor, Position
from common.money import Money
from orders.domain import Sales, SalesView
from orders.errors import BadPeriod

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOST_DAYS, _USUAL_DAYS = 366, 30
_ALL_PRODUCTS: Final = UUID(int=0)
# What spreadsheets take for the beginning of a formula, in full width too (OWASP, CSV injection).
_FORMULAS: Final = frozenset("=+-@")


def _plain_day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        message = "write a day as YYYY-MM-DD"
        raise ValueError(message)
    return value


def _sensible(day: date) -> date:
    if day.year not in YEARS:
        raise PydanticCustomError("time", "write a day between 1970 and 8999")
    return day


Day = Annotated[date, BeforeValidator(_plain_day), AfterValidator(_sensible)]


class SalesPage(Page):
    """Which days to tell of, in UTC, both included, the last 30 unless said; and by what to add them up.

    Without `group_by` there is a row for each day and product.
    """

    first: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    last: Annotated[Day | None, Field(alias="to", description="The last day; today unless said.")] = None
    group_by: Literal["day", "product"] | None = None
    product_id: Id | None = None
    currency: Currency | None = None
    seller: Annotated[Id | None, Field(description="Administrators see all sellers, or this one.")] = None
    format: Annotated[Literal["json", "csv"] | None, Field(description="Goes before the header `Accept`.")] = None

    def view(self, seller_id: UUID | None) -> SalesView:
        """Return what is asked for, of this seller's or of everybody's; raises BadPeriod."""
        last = self.last or datetime.now(UTC).date()
        first = self.first or max(last - timedelta(days=_USUAL_DAYS - 1), date(1970, 1, 1))
        if not 0 <= (last - first).days < _MOST_DAYS:
            raise BadPeriod(first=first.isoformat(), last=last.isoformat())
        return SalesView(
            first=first,
            last=last,
            by_day=self.group_by != "product",
            by_product=self.group_by != "day",
            seller_id=seller_id,
            product_id=self.product_id,
            currency=self.currency,
        )

    def keys(self, scope: str) -> list[object] | None:
        """Return the keys of the group that the page starts after, as the view is added up; raises BadCursor."""
        position = self.position(scope)
        if position is None:
            return None
        product_id, (day, _, currency) = position[0], str(position[1]).partition(" ")
        try:
            days = [date.fromisoformat(day)] if self.group_by != "product" else []
        except ValueError as error:
            raise BadCursor from error
        return [*days, *([product_id] if self.group_by != "day" else []), currency]


def place(sales: Sales) -> Position:
    """Return where a group stands in the list."""
    return sales.product_id or _ALL_PRODUCTS, f"{sales.day or ''} {sales.currency}"


class SalesOut(BaseModel):
    """What was sold in one currency; `day`, or `product_id` and `name`, are null where it is added up over them.

    `revenue` is what buyers paid, `refunded` what of it, or of earlier revenue, went back to them that day.
    """

    day: date | None
    product_id: UUID | None
    name: str | None
    currency: str
    orders: int
    quantity: int
    revenue: MoneyOut
    refunded: MoneyOut
    downloads: int

    @classmethod
    def of(cls, sales: Sales) -> Self:
        """Return sales as JSON."""
        return cls(
            day=sales.day,
            product_id=sales.product_id,
            name=sales.name,
            currency=sales.currency,
            orders=sales.orders,
            quantity=sales.quantity,
            revenue=MoneyOut(amount=sales.revenue, currency=sales.currency),
            refunded=MoneyOut(amount=sales.refunded, currency=sales.currency),
            downloads=sales.downloads,
        )


def sheet(rows: Iterable[Sales]) -> str:
    """Return sales as CSV (RFC 4180), with the currency's decimals, and no text that a spreadsheet would calculate."""
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(SalesOut.model_fields)
    for row in rows:
        revenue, refunded = (_decimal(amount, row.currency) for amount in (row.revenue, row.refunded))
        group = (row.day, row.product_id, _harmless(row.name or ""), row.currency)
        writer.writerow((*group, row.orders, row.quantity, revenue, refunded, row.downloads))
    return written.getvalue()


def _decimal(amount: int, currency: str) -> str:
    return str(Money(amount, currency)).removesuffix(f" {currency}")


def _harmless(text: str) -> str:
    return f"'{text}" if normalize("NFKC", text.lstrip()[:1]) in _FORMULAS else text
