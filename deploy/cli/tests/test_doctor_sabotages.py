"""One book at a time is hurt, and the doctor names who offends, by the check that is for it, and nobody else."""

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from common.contracts import facts
from common.db import plain_dsn
from souk.doctor import Finding, Report, examine
from souk.doctor.examining import CHECKS
from souk.topology import hearers

from .doctor_history import History, Json, run

AT_ONCE, PATIENTLY = timedelta(0), timedelta(minutes=30)
SABOTAGES = tomllib.loads(Path(__file__).with_name("sabotages.toml").read_text())["sabotage"]
Hurt = Callable[..., Awaitable[dict[str, str]]]


@pytest_asyncio.fixture
async def hurt(history: History, postgres_url: str) -> AsyncIterator[Hurt]:
    """`await hurt(sql, "orders")`: the addresses of all books, the named ones changed copies; the history stays."""

    made = []

    async def change(sql: str, *services: str) -> dict[str, str]:
        urls = dict(history.urls)
        for service in services:
            base, source = urls[service].rsplit("/", 1)
            made.append(f"doctor_{uuid4().hex[:10]}")
            await run(postgres_url, f'CREATE DATABASE "{made[-1]}" TEMPLATE "{source}" STRATEGY file_copy')
            urls[service] = f"{base}/{made[-1]}"
            await run(urls[service], sql)
        return urls

    yield change
    for name in made:
        await run(postgres_url, f'DROP DATABASE "{name}"')


def filled(history: History, text: str) -> str:
    """Put the ids in the place of their names."""
    for name, id_ in history.ids.items():
        text = text.replace(f"':{name}'", f"'{id_}'").replace(f":{name}", f"'{id_}'")
    return text


async def ids(history: History, service: str, sql: str) -> set[str]:
    """The ids a query finds in a book as it was before."""
    connection = await asyncpg.connect(plain_dsn(history.urls[service]))
    try:
        return {str(row[0]) for row in await connection.fetch(sql)}
    finally:
        await connection.close()


async def offenders(history: History, sabotage: Json) -> set[str]:
    offender = filled(history, sabotage["offender"])
    if offender.startswith("SELECT"):
        return await ids(history, sabotage["hurt"], offender)
    return {offender.strip("'")}


def red(report: Report) -> set[str]:
    """The checks that found something, be it fresh."""
    return {finding.check for finding in (*report.findings, *report.in_flight)}


def whom(report: Report, check: str) -> set[str]:
    """Whom the checks name whose names begin so."""
    return {id_ for finding in report.findings if finding.check.startswith(check) for id_ in finding.ids}


def named(findings: list[Finding], sabotage: Json) -> set[str]:
    """Return whom the check names in that service's book for what was done."""
    wanted = sabotage["check"], sabotage["names"]
    found = [f for f in findings if (f.check, f.service) == wanted and sabotage.get("says", "") in f.detail]
    return {id_ for finding in found for id_ in finding.ids}


def is_line_to_a_newcomer(check: str) -> bool:
    """Whether this watches what a service hears that has no sabotage yet: it hears what others hear as well."""
    hearer = re.match(r"I13 \w+ to (\w+):", check)
    return hearer is not None and hearer[1] not in {sabotage["hurt"] for sabotage in SABOTAGES}


def label(sabotage: Json) -> str:
    return f"{sabotage['check']}: {' '.join(sabotage['sql'].split())}"


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=label)
async def test_each_sabotage_is_found_its_offender_named_and_no_other(history, hurt, sabotage):
    urls = await hurt(filled(history, sabotage["sql"]), sabotage["hurt"])
    report = await examine(urls, grace=PATIENTLY)
    pile, other = report.findings, report.in_flight
    if sabotage.get("settles"):
        pile, other = other, pile
    assert named(pile, sabotage) == await offenders(history, sabotage), report.lines()
    assert named(other, sabotage) == set()
    also = {check for check in red(report) if is_line_to_a_newcomer(check)}
    assert red(report) - also == {sabotage["check"], *sabotage.get("also", ())}, report.lines()


async def test_what_was_under_way_is_an_offence_once_its_time_is_over(history, hurt):
    urls = await hurt(filled(history, "UPDATE orders SET refunded = 1 WHERE id = :viewed"), "orders")
    patient = await examine(urls, grace=PATIENTLY)
    assert (patient.healthy, patient.findings) == (True, [])
    assert any("In flight" in line for line in patient.lines())
    strict = await examine(urls, grace=AT_ONCE)
    assert (strict.healthy, strict.in_flight) == (False, [])
    assert strict.findings == patient.in_flight


async def test_each_service_has_its_outbox_and_its_inbox_examined(history, hurt):
    urls = await hurt("UPDATE outbox SET sent_at = NULL; UPDATE inbox SET status = 'parked'", *history.urls)
    report = await examine(urls, grace=AT_ONCE)
    outboxes = {f"I11 {service}: the outbox drains" for service in history.urls if facts(service)}
    inboxes = {f"I12 {hearer.service}: each event once" for hearer in hearers() if hearer.service in history.urls}
    # What was not sent need not be heard, and a parked event has no mail to demand.
    assert red(report) == outboxes | inboxes
    for service in history.urls:
        assert whom(report, f"I11 {service}") == await ids(history, service, "SELECT id FROM outbox")
    for hearer in hearers():
        assert whom(report, f"I12 {hearer.service}") == await ids(history, hearer.service, "SELECT id FROM inbox")


async def test_every_line_between_two_services_is_watched(history, hurt):
    report = await examine(await hurt("DELETE FROM inbox", *history.urls), grace=AT_ONCE)
    lines = {check.name for check in CHECKS if check.name.startswith("I13") and set(check.needs) <= history.urls.keys()}
    assert red(report) == lines
    heard = set().union(*[await ids(history, hearer.service, "SELECT id FROM inbox") for hearer in hearers()])
    assert whom(report, "I13") == heard


@pytest.mark.slow
async def test_a_transaction_left_open_is_found_in_every_book(history):
    async with AsyncExitStack() as stack:
        for url in history.urls.values():
            connection = await asyncpg.connect(plain_dsn(url), server_settings={"application_name": "forgetful"})
            stack.push_async_callback(connection.close)
            await connection.execute("BEGIN; SELECT 1")
        await asyncio.sleep(5.2)
        report = await examine(history.urls, grace=PATIENTLY)
    assert red(report) == {f"I26 {service}: nothing left open" for service in history.urls}
    assert all(finding.count == 1 and finding.ids[0].endswith(" forgetful") for finding in report.findings)


def test_every_check_over_the_books_has_its_sabotage():
    families = ("I11", "I12", "I13", "I26")  # one check per service or pair: hurt all at once above
    alone = {check.name for check in CHECKS if not check.truth and not check.name.startswith(families)}
    assert alone <= {sabotage["check"] for sabotage in SABOTAGES}
