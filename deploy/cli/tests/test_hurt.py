"""What the fault-injection runner itself must not get wrong: what it remembers, draws, and counts as survived."""

import asyncio
import random
import re
from collections import Counter
from uuid import UUID, uuid4

import pytest

from souk.home import ROOT, SERVICES, Home
from souk.hurt import hurt
from souk.hurt.customers import Customer
from souk.hurt.cutter import Cutter
from souk.hurt.enduring import Outcome
from souk.hurt.every import FAULTS
from souk.hurt.faults.operations import rules
from souk.hurt.faults.plan import Blow
from souk.hurt.ledger import Books, Ledger, Purchase, broken_by
from souk.hurt.plans import DEEDS, RAZORPAY, draw
from souk.hurt.points import points_of
from souk.hurt.running import schedule
from souk.hurt.tills import understood

ORDER, USER, PAYMENT = uuid4(), uuid4(), uuid4()
TOTAL = {"amount": 2599, "currency": "USD"}
WENT = ("pending", "awaiting_payment", "paid", "fulfilled")


def answer(status="pending", id_=ORDER, total=TOTAL):
    return {"id": str(id_), "status": status, "total": total}


def purchase(*answers, **facts):
    return Purchase("p-1", USER, list(answers), **facts)


def books(**changes):
    row = {"id": ORDER, "user_id": USER, "status": WENT[-1], "total": 2599, "currency": "USD", "key": "p-1"}
    row |= {"refunded": 0}
    whole = {"orders": {ORDER: row}, "steps": {ORDER: WENT}, "unshipped": frozenset(), "mailed": {ORDER: 1}}
    money = {"taken": frozenset([PAYMENT]), "attempts": {ORDER: 2}}
    return Books(**{**whole, **money, "users": frozenset(), **changes})


async def test_the_ledger_notices_a_lost_order_and_a_lost_account(history):
    lost = Customer(None, "http://127.0.0.1:1", "gone@souk.test", "password")
    broken = await Ledger([purchase(answer())], [lost], ["a lie"]).check(history.urls)
    assert broken == [
        "a lie",
        f"order {ORDER}, answered to p-1, is not in the books",
        "the account gone@souk.test is gone",
    ]


def test_a_promise_kept_is_no_finding():
    told = [answer(status) for status in ("pending", "pending", "awaiting_payment", "fulfilled")]
    told[-1] |= {"payment": {"attempt": 2}}
    kept = purchase(*told, captured=True, shipped=True, payments={str(PAYMENT): "succeeded", str(USER): "open"})
    assert list(broken_by(kept, books())) == []


@pytest.mark.parametrize(
    ("remembered", "changes", "sentence"),
    [
        (purchase(answer(), answer(id_=UUID(int=1))), {}, "answered with 2 orders"),
        (purchase(answer("expired")), {}, "told as expired"),
        (purchase(answer("paid"), answer("pending")), {}, "told as paid, pending"),
        (purchase(answer(total={"amount": 1, "currency": "USD"})), {}, "another total"),
        (purchase(answer(), shipped=True), {"unshipped": frozenset([ORDER])}, "told as shipped"),
        (purchase(answer("paid")), {"mailed": {}}, "mailed 0 times"),
        (purchase(answer("paid")), {"mailed": {ORDER: 2}}, "mailed 2 times"),
        (purchase(answer(), given_back=True), {}, "told to be given back"),
        (purchase(answer() | {"payment": {"attempt": 3}}), {}, "with attempt 3"),
        (purchase(answer(), payments={str(USER): "succeeded"}), {}, "no money of it is booked"),
    ],
)
def test_a_broken_promise_is_told(remembered, changes, sentence):
    assert sentence in " ".join(broken_by(remembered, books(**changes)))


def test_money_taken_for_an_order_that_is_not_paid_is_told():
    row = {**books().orders[ORDER], "status": "awaiting_payment"}
    found = list(broken_by(purchase(answer(), captured=True), books(orders={ORDER: row})))
    assert found == [f"order {ORDER} is awaiting_payment, and its buyer has paid"]


async def test_an_unknown_fault_is_refused_with_a_sentence(tmp_path, capsys):
    assert await hurt(Home(tmp_path / "hurt"), {}, seed=1, only="F9,F999", seconds=None) == 1
    assert "no such fault: F999" in capsys.readouterr().out
    assert not (tmp_path / "hurt").exists()


def test_a_fault_that_never_fired_or_met_nobody_is_not_survived(capsys):
    missed, lonely, fine = (Outcome(FAULTS["F9"], Blow(fired), count) for fired, count in ((0, 50), (1, 49), (1, 50)))
    for outcome in (missed, lonely, fine):
        outcome.judge()
        outcome.tell()
    assert (missed.wrong, lonely.wrong, fine.wrong) == (
        ["the fault did not fire"],
        ["only 49 purchases were under way"],
        [],
    )
    assert capsys.readouterr().out.count("NOT SURVIVED") == 2


def test_the_same_seed_draws_the_same_faults_and_another_one_others():
    names = [[fault.name for fault in schedule(seed, None)[0]] for seed in (7, 7, 8)]
    assert names[0] == names[1] != names[2]
    assert sorted(names[0]) == sorted(FAULTS)
    assert all(re.fullmatch(r"F\d+", fault.name) for fault in schedule(7, None, short=True)[0])


def test_every_fault_point_of_the_source_belongs_to_some_service():
    known = {point for service in SERVICES for point in points_of(service)}
    sources = [*(ROOT / "libs").rglob("src/**/*.py"), *(ROOT / "services").rglob("src/**/*.py")]
    called = {name for file in sources for name in re.findall(r'faultpoint\(f?"([a-z_.]+)', file.read_text())}
    assert all(any(point.startswith(name) for point in known) for name in called)
    assert "loop.called" not in points_of("auth")


async def test_a_sharp_cutter_lets_the_commit_through_and_keeps_its_answer():
    heard = bytearray()

    async def serve(reader, writer):
        while chunk := await reader.read(100):
            heard.extend(chunk)
            writer.write(b"done")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Cutter.before("127.0.0.1", server.sockets[0].getsockname()[1], random.Random(1)) as cutter:
        reader, writer = await asyncio.open_connection("127.0.0.1", cutter.port)
        writer.write(b"COMMIT;\x00")
        assert await reader.read(100) == b"done"
        cutter.sharp, cutter.share = True, 1.0
        writer.write(b"COMMIT;\x00")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(4)
        writer.close()
    server.close()
    assert (bytes(heard), cutter.cuts) == (b"COMMIT;\x00" * 2, 1)


def test_every_operation_has_each_kind_of_trouble_in_one_of_the_turns():
    turns = [rules(turn) for turn in range(5)]
    troubles = Counter((rule["provider"], rule["operation"]) for turn in turns for rule in turn)
    kinds = {
        (rule["provider"], rule["operation"], rule["mode"], rule.get("variant")) for turn in turns for rule in turn
    }
    assert set(troubles.values()) == {5}
    assert len(kinds) == 5 * len(troubles)


def test_the_same_seed_draws_the_same_plans_and_every_deed_is_drawn():
    customers = [Customer(None, "http://127.0.0.1:1", "a@souk.test", "password")]
    products = [{"id": str(number)} for number in range(4)]
    drawn = [draw(random.Random(seed), customers, products) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]
    dice = random.Random(1)
    plans = [draw(dice, customers, products) for _ in range(400)]
    assert {plan.deed for plan in plans} == set(DEEDS)
    assert all(plan.way != plan.other for plan in plans)
    assert {plan.way for plan in plans if plan.deed in {"pays both", "pays late"}} == {RAZORPAY}


@pytest.mark.parametrize(
    ("status", "told", "state"),
    [
        (200, {"razorpay_signature": "s"}, "succeeded"),
        (200, {"half": "a"}, "unknown"),
        (400, {"error": {"description": "the order is already paid."}}, "succeeded"),
        (400, {"error": {"description": "no", "metadata": {"payment_id": "pay_1"}}}, "declined"),
        (402, {"error": {"message": "Your card was declined."}}, "declined"),
        (409, {"error": {"message": "This Checkout Session has already been paid."}}, "succeeded"),
        (410, {"error": {"message": "This Checkout Session has expired."}}, "ended"),
        (500, {"error": {"message": "An unknown error occurred"}}, "unknown"),
        (502, {}, "unknown"),
    ],
)
def test_what_a_till_says_is_understood_and_silence_is_no_answer(status, told, state):
    assert understood(status, told)[0] == state
