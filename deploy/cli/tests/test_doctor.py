"""The doctor over a real history: healthy books, a provider that says otherwise, and what the command prints."""

import asyncio
import inspect
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from common.events import new_id
from common.migrations import migrate
from notifier.handlers import events
from souk.doctor import Finding, Report, doctor, examine
from souk.doctor.books import open_book, time_of
from souk.doctor.mail import DEMANDING
from souk.services import MIGRATIONS

from .doctor_history import History, Json, telling

AT_ONCE, PATIENTLY = timedelta(0), timedelta(minutes=2)


async def test_a_healthy_system_has_no_finding_and_every_check_has_seen_rows(history):
    async with telling(history.told, history.mails) as url:
        report = await examine(history.urls, truth_url=url, grace=AT_ONCE)
    assert report.findings == [], report.lines()
    assert report.healthy
    assert [name for name, rows in report.checks if not rows] == []
    assert report.skipped == []
    assert "Healthy" in report.lines()[-1]


def test_the_doctor_knows_every_fact_that_demands_a_mail():
    sources = {wire: inspect.getsource(route.one or route.many) for wire, route in events.routes.items()}
    mailing = {wire for wire, source in sources.items() if "queueing." in source}
    assert mailing == set(DEMANDING)


async def told_otherwise(history: History, change: Callable[[Json], object]) -> Report:
    """Examine the untouched books against what the providers or a mailbox say otherwise."""
    other = json.loads(json.dumps({**history.told, "mails": history.mails}))
    change(other)
    async with telling(other, other["mails"]) as url:
        return await examine(history.urls, truth_url=url, grace=AT_ONCE)


def charge(told: Json) -> Json:
    return next(charge for charge in told["stripe"]["charges"] if charge["amount_captured"])


def payment(told: Json) -> Json:
    return next(payment for payment in told["razorpay"]["payments"] if payment["captured"])


def again(things: list[Json], thing: Json, **changed: str) -> None:
    things.append({**thing, **changed})


# Which check, what is said otherwise, and whom it must name: a function of what was said before.
OTHERWISE = [
    ("I5 every", lambda told: charge(told).update(payment_intent="pi_x"), lambda told: charge(told)["id"]),
    ("I5 every", lambda told: charge(told).update(amount_captured=7), lambda told: charge(told)["id"]),
    ("I5 every", lambda told: again(told["stripe"]["charges"], charge(told), id="ch_2"), lambda _: "ch_2"),
    ("I5 every", lambda told: again(told["razorpay"]["payments"], payment(told), id="pay_2"), lambda _: "pay_2"),
    ("I5 every", lambda told: payment(told).update(amount=7), lambda told: payment(told)["id"]),
    ("I5 every", lambda told: payment(told).update(currency="INR"), lambda told: payment(told)["id"]),
    ("I22", lambda told: told["stripe"]["webhooks"][0].update(event_id="evt_x"), lambda _: "evt_x"),
    ("I22", lambda told: told["razorpay"]["webhooks"][0].update(event_id="evt_x"), lambda _: "evt_x"),
    ("I15", lambda told: told["mails"].append(told["mails"][0]), lambda told: told["mails"][0]["message_id"]),
]
ALTERED = [
    ("I22", lambda told, who: told[who]["webhooks"][0].update(body_sha256="0"), "webhooks", "event_id"),
    ("I7 every", lambda told, who: told[who]["refunds"][0].update(amount=7), "refunds", "id"),
    ("I7 every", lambda told, who: told[who]["refunds"][0].update(currency="inr"), "refunds", "id"),
    ("I7 every", lambda told, who: told[who]["refunds"][0].update(status="failed"), "refunds", "id"),
    ("I7 every", lambda told, who: told[who]["refunds"][0].update(status="pending"), "refunds", "id"),
]
NOTES = {"stripe": "metadata", "razorpay": "notes"}


async def named_by(history: History, check: str, change: Callable[[Json], object]) -> tuple[set[str], Report]:
    report = await told_otherwise(history, change)
    return {id_ for finding in report.findings for id_ in finding.ids if finding.check.startswith(check)}, report


@pytest.mark.parametrize(("check", "change", "offender"), OTHERWISE)
async def test_books_that_differ_from_the_providers_are_found(history, check, change, offender):
    named, report = await named_by(history, check, change)
    assert named >= {offender({**history.told, "mails": history.mails})}, report.lines()


@pytest.mark.parametrize("who", ["stripe", "razorpay"])
@pytest.mark.parametrize(("check", "change", "things", "name"), ALTERED)
async def test_what_either_provider_tells_otherwise_is_found(history, who, check, change, things, name):
    named, report = await named_by(history, check, lambda told: change(told, who))
    assert named == {history.told[who][things][0][name]}, report.lines()


@pytest.mark.parametrize("who", ["stripe", "razorpay"])
async def test_a_refund_nobody_knows_of_or_that_was_made_twice_or_of_other_money_is_found(history, who):
    refund = history.told[who]["refunds"][0]
    stranger = {**refund, "id": "re_x", NOTES[who]: []}
    named, report = await named_by(history, "I7 every", lambda told: told[who]["refunds"].append(stranger))
    assert named == {"re_x"}, report.lines()
    named, report = await named_by(history, "I7 every", lambda told: again(told[who]["refunds"], refund, id="re_2"))
    assert named == {refund[NOTES[who]]["refund_id"]}, report.lines()
    other = {"payment_intent": "pi_x"} if who == "stripe" else {"payment_id": "pay_2"}

    def of_other_money(told: Json) -> None:
        told[who]["refunds"][0].update(other)
        again(told["razorpay"]["payments"], payment(told), id="pay_2")

    named, report = await named_by(history, "I7 every", of_other_money)
    assert named == {refund["id"]}, report.lines()


@pytest.mark.parametrize(("who", "money"), [("stripe", "charges"), ("razorpay", "payments")])
async def test_money_a_provider_does_not_know_of_is_found(history, who, money):
    report = await told_otherwise(history, lambda told: (told[who][money].clear(), told[who]["refunds"].clear()))
    details = " ".join(finding.detail for finding in report.findings)
    assert "the provider took none" in details
    assert "which has none such" in details


async def test_a_refund_of_what_razorpay_never_captured_is_none_of_our_business(history):
    def let_lapse(told: Json) -> None:
        again(told["razorpay"]["payments"], {**payment(told), "captured": False}, id="pay_lapsed", status="refunded")
        told["razorpay"]["refunds"].append(
            {**told["razorpay"]["refunds"][0], "id": "rfnd_x", "payment_id": "pay_lapsed"}
        )

    assert (await told_otherwise(history, let_lapse)).findings == []


async def test_nothing_can_be_written_through_a_book(history):
    async with open_book("orders", history.urls["orders"]) as book:
        for statement in ("UPDATE orders SET total = 0", "CREATE TABLE x ()", "SELECT nextval('x')"):
            with pytest.raises(asyncpg.PostgresError):
                async with book.attempt():
                    await book.rows(statement)
        with pytest.raises(asyncpg.PostgresError):
            await book.rows("SET TRANSACTION READ WRITE")


async def test_long_books_are_read_in_pieces_with_the_same_outcome(history, monkeypatch):
    monkeypatch.setattr("souk.doctor.books._PIECE", 2)
    report = await examine(history.urls, grace=AT_ONCE)
    assert report.findings == []
    monkeypatch.undo()
    assert report.checks == (await examine(history.urls, grace=AT_ONCE)).checks


async def test_without_a_book_or_the_provider_what_was_not_examined_is_said(history):
    report = await examine({"orders": history.urls["orders"]}, grace=AT_ONCE)
    assert report.healthy
    assert {"I5 every charge is known", "I6 paid means paid", "I8 no oversell"} <= set(report.skipped)
    assert any("not examined" in line for line in report.lines())


async def test_what_cannot_be_read_is_a_finding(history, make_database, monkeypatch):
    nobody, empty = history.urls["auth"].rsplit("/", 1)[0] + "/nobody", await make_database("orders")
    report = await examine({**history.urls, "auth": nobody, "orders": empty}, truth_url="http://127.0.0.1:9/truth")
    broken = {(finding.check, finding.service) for finding in report.findings}
    assert {("books", "auth"), ("truth", "provider"), ("I6 an order's sum", "orders")} <= broken
    assert ("I8 no oversell", 0) not in report.checks


async def test_an_empty_system_cannot_pass_as_proof(make_database):
    url = await make_database("catalog", template="catalog", prepare=partial(migrate, folder=MIGRATIONS["catalog"]))
    report = await examine({"catalog": url})
    assert [rows for name, rows in report.checks if not name.startswith("I26")] == [0] * (len(report.checks) - 1)


async def test_the_command_prints_people_or_json_and_says_by_its_exit_code(history, capsys):
    assert await doctor(history.urls, grace=AT_ONCE) == 0
    assert "Healthy" in capsys.readouterr().out
    assert await doctor({"orders": history.urls["auth"]}, None, AT_ONCE, as_json=True) == 1
    shown = json.loads(capsys.readouterr().out)
    assert not shown["healthy"]
    assert shown["findings"][0]["check"] == "I3 one order per key"


async def souk_doctor(history: History, *words: str) -> tuple[int | None, str]:
    """What `souk doctor` exits with, and what it prints."""
    books = {f"DATABASE_URL_{service.upper()}": url for service, url in history.urls.items()}
    command = [Path(sys.executable).with_name("souk"), "doctor", *words]
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | books, stdout=PIPE)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_script_can_trust_the_command(history):
    async with telling(history.told, history.mails) as url:
        code, said = await souk_doctor(history, "--json", "--truth", url)
    assert (code, json.loads(said)["healthy"]) == (0, True)
    other = json.loads(json.dumps(history.told))
    other["stripe"]["webhooks"][0]["event_id"] = "evt_x"
    async with telling(other, history.mails) as url:
        code, said = await souk_doctor(history, "--json", "--truth", url)
        [finding] = json.loads(said)["findings"]
        assert (code, finding["check"], finding["ids"]) == (1, "I22 no ack without storage", ["evt_x"])
        code, said = await souk_doctor(history, "--truth", url)
    assert code == 1
    assert "BAD I22 no ack without storage" in said
    assert "NOT HEALTHY: 1 offenders" in said


def test_many_offenders_are_counted_and_only_some_are_named():
    finding = Finding("I0", "orders", [], "It is wrong.")
    for number in range(1500):
        finding.add(str(number))
    assert (finding.count, len(finding.ids)) == (1500, 1000)
    assert list(finding.lines())[-1].strip() == "… and 1490 more"


def test_ids_tell_their_time():
    assert abs(datetime.now(UTC) - time_of(new_id())) < timedelta(seconds=5)
    assert time_of(uuid4()) == datetime(1970, 1, 1, tzinfo=UTC)
