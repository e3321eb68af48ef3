"""The examination: every book opened at one moment, every check made, whatever one of them runs into."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

import asyncpg
import httpx2

from souk.doctor import accounts, delivery, events, history, leases, mail, money, orders, provider, sales, stock
from souk.doctor.books import Book, open_book
from souk.doctor.checks import Check, Visit
from souk.doctor.report import Finding, Report
from souk.doctor.truth import Truth, fetch_truth

GRACE: Final = timedelta(minutes=2)
CHECKS: Final[tuple[Check, ...]] = (
    *orders.CHECKS,
    *money.CHECKS,
    *provider.CHECKS,
    *stock.CHECKS,
    *delivery.CHECKS,
    *sales.CHECKS,
    *history.CHECKS,
    *events.CHECKS,
    *mail.CHECKS,
    *accounts.CHECKS,
    *leases.CHECKS,
)


async def examine(databases: Mapping[str, str], *, truth_url: str | None = None, grace: timedelta = GRACE) -> Report:
    """Check every invariant over these databases, by service, and over the provider's own list where it is given.

    Differences younger than `grace` count as under way. Nothing is ever written. A book or a list that cannot be read
    is a finding.
    """
    report = Report()
    async with AsyncExitStack() as stack:
        # The provider is asked last: what the books believe must have happened there before.
        books = await _open_all(stack, databases, report)
        truth = await _truth(truth_url, report) if truth_url else None
        for check in CHECKS:
            if set(check.needs) <= books.keys() and (truth is not None or not check.truth):
                await _make(check, Visit(check.name, books, truth, grace), report)
            else:
                report.skipped.append(check.name)
    return report


async def doctor(
    databases: Mapping[str, str], truth_url: str | None = None, grace: timedelta = GRACE, *, as_json: bool = False
) -> int:
    """Examine, print the report, and return the exit code: 0 when every book balances."""
    report = await examine(databases, truth_url=truth_url, grace=grace)
    sys.stdout.write(report.to_json() if as_json else "\n".join(report.lines()))
    sys.stdout.write("\n")
    return 0 if report.healthy else 1


async def _open_all(stack: AsyncExitStack, databases: Mapping[str, str], report: Report) -> dict[str, Book]:
    opening = [stack.enter_async_context(open_book(service, url)) for service, url in databases.items()]
    books: dict[str, Book] = {}
    for service, book in zip(databases, await asyncio.gather(*opening, return_exceptions=True), strict=True):
        if isinstance(book, Book):
            books[service] = book
        elif isinstance(book, Exception):
            _unreadable(report, "books", service, book)
        else:
            raise book
    return books


async def _truth(url: str, report: Report) -> Truth | None:
    try:
        return await fetch_truth(url)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError) as error:
        _unreadable(report, "truth", "provider", error)
        return None


async def _make(check: Check, visit: Visit, report: Report) -> None:
    try:
        async with AsyncExitStack() as stack:
            for service in check.needs:
                await stack.enter_async_context(visit.books[service].attempt())
            await check.run(visit)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        _unreadable(report, check.name, ", ".join(check.needs), error)
    report.checks.append((check.name, visit.rows))
    report.findings += visit.findings.values()
    report.in_flight += visit.in_flight.values()


def _unreadable(report: Report, check: str, service: str, error: Exception) -> None:
    report.findings.append(Finding(check, service, [], f"It cannot be read, so nothing is proven: {error!r}", 1))
