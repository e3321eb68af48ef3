"""What a proof must not get wrong itself: what strikes when, what counts as fired, and what its page shows."""

import asyncio
import random
import re
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace
from uuid import uuid4

import httpx2
import pytest

from souk.fleet import Fleet
from souk.home import SERVICES, Home
from souk.hurt.customers import Customer
from souk.hurt.faults.plan import Blow
from souk.hurt.ledger import Purchase
from souk.hurt.stage import NotAsPlanned, Stage
from souk.hurt.workload import Crowd, Rush
from souk.prove import prove
from souk.prove.arsenal import ARSENAL, TWICE, Weapon
from souk.prove.nemesis import Struck, unleash
from souk.prove.page import render
from souk.prove.proof import Proof
from souk.prove.pulse import Pulse
from souk.prove.running import let_in, units
from souk.prove.schedule import Planned, schedule
from souk.prove.telling import tell_blow, tell_end

# What a proof promises to strike with, by the numbers of the list of faults.
REQUIRED = {f"F{number}" for number in (*range(1, 12), 13, 14, 15, 21, 28, 29, 30, 31, 37, 38, 39, 43, 49, 53)}


def test_seeds_one_to_five_at_three_minutes_cover_every_fault_of_the_list():
    drawn = [schedule(seed, 3) for seed in range(1, 6)]
    assert {len(plan) for plan in drawn} == {18}
    assert {planned.weapon.name for plan in drawn for planned in plan} >= REQUIRED


@pytest.mark.parametrize("seed", range(1, 40))
def test_a_minute_draws_six_faults_that_are_over_in_it(seed):
    plan = schedule(seed, 1)
    assert len(plan) == len({planned.weapon.name for planned in plan}) == 6
    assert all(planned.ends <= 60 for planned in plan)


def test_a_seed_draws_the_same_again_and_another_one_other_faults():
    assert schedule(7, 3) == schedule(7, 3) != schedule(8, 3)


@pytest.mark.parametrize("seed", range(1, 20))
def test_faults_overlap_and_none_has_to_share_what_it_needs_for_itself(seed):
    plan = schedule(seed, 3)
    together = [(one, two) for one in plan for two in plan if one is not two and one.beside(two)]
    assert together
    assert all(one.parts.isdisjoint(two.parts) for one, two in together)


def test_a_long_proof_draws_every_fault_before_any_of_them_comes_twice():
    counts = Counter(planned.weapon.name for planned in schedule(3, 8))
    assert counts.keys() == {weapon.name for weapon in ARSENAL}
    assert max(counts.values()) > 1


async def test_no_time_for_any_fault_is_said_and_starts_nothing(tmp_path, capsys):
    assert await prove(Home(tmp_path / "prove"), {}, Proof(1, 0.1, 6), None) == 1
    assert "no time for any fault" in capsys.readouterr().out
    assert not (tmp_path / "prove").exists()


def stage():
    return Stage(None, None, None, None, None, random.Random(1))  # type: ignore[arg-type]


def planned(name, strike, *parts, at=0.0):
    return Planned(at, Weapon(name, f"<{name}> happens.", strike, 1, frozenset(parts)))


async def strikes(plan):
    told = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    struck = await unleash(stage(), plan, lambda: loop.time() - began, told.append)
    assert len(told) == len(plan)
    return struck


async def test_what_never_fired_or_did_not_go_as_planned_is_wrong_and_stops_no_other():
    async def fires(_stage, _target):
        return Blow(2)

    async def misses(_stage, _target):
        return Blow(0)

    async def fails(_stage, _target):
        raise NotAsPlanned("it did not come back")

    struck = await strikes([planned("F1", fires), planned("F2", misses), planned("F3", fails), planned("F4", fires)])
    assert [each.wrong for each in struck] == [[], ["it did not fire"], ["it did not come back"], []]


async def test_faults_overlap_unless_one_needs_what_another_has():
    spans = {}

    def lasting(name):
        async def strike(_stage, _target):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.1)
            spans[name] = (began, asyncio.get_running_loop().time())
            return Blow(1)

        return strike

    plan = [planned(name, lasting(name), part) for name, part in (("a", "x"), ("b", "x"), ("c", "y"))]
    await strikes(plan)
    assert spans["c"][0] < spans["a"][1]
    assert all(first[1] <= second[0] for first, second in pairwise(sorted((spans["a"], spans["b"]))))


def test_two_workers_and_an_api_make_each_service_that_sells(tmp_path):
    there = Fleet(Home(tmp_path), {}, port=1, units=units()).units
    assert {unit.service for unit in there.values()} == set(SERVICES)
    for service in TWICE:
        assert sorted(unit.role for unit in there.values() if unit.service == service) == ["api", "worker", "worker"]


def test_a_service_means_its_units_and_a_unit_itself(tmp_path):
    found = stage()
    found.fleet = Fleet(Home(tmp_path), {}, port=1, units=units())
    assert found.units("auth", "orders-worker-2") == ["auth", "orders-worker-2"]
    assert found.units("orders") == ["orders-api", "orders-worker-1", "orders-worker-2"]
    assert found.units("orders", "auth", role="worker") == ["orders-worker-1", "orders-worker-2", "auth"]


async def test_a_customer_who_is_asked_to_wait_waits():
    asked = []

    def answer(_request):
        asked.append(asyncio.get_running_loop().time())
        return httpx2.Response(429, headers={"Retry-After": "1"}) if len(asked) == 1 else httpx2.Response(200, json={})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        await Customer(http, "http://shop", "a@souk.test", "password").persist("GET", "/orders")
    assert asked[1] - asked[0] >= 1


async def test_people_come_at_their_rate_from_the_moment_the_doors_open_whoever_is_inside():
    crowd = Crowd(None, ("http://shop", "http://sandbox"), ("a@souk.test", "password"), random.Random(1))
    crowd.customers, crowd.products = [Customer(None, "http://shop", "b@souk.test", "p")], [{"id": "1"}] * 4
    crowd.rush, crowd.visit = Rush(100, 1_000), lambda *_: SimpleNamespace(carry_out=lambda: asyncio.sleep(60))
    crowd.open()
    arriving = asyncio.create_task(crowd.arrive())
    await asyncio.sleep(0.5)
    arriving.cancel()
    crowd.close()
    assert 20 < len(crowd.visits) < 90
    for visit in crowd._inside:
        visit.cancel()


@pytest.mark.parametrize("stay", [0.05, 60])
async def test_the_doors_stay_open_for_who_found_no_room_but_not_for_ever(stay, monkeypatch):
    monkeypatch.setattr("souk.prove.running._LONGER", 1.0)
    crowd = Crowd(None, ("http://shop", "http://sandbox"), ("a@souk.test", "password"), random.Random(1))
    crowd.customers, crowd.products = [Customer(None, "http://shop", "b@souk.test", "p")], [{"id": "1"}] * 4
    crowd.rush, crowd.visit = Rush(200, 3), lambda *_: SimpleNamespace(carry_out=lambda: asyncio.sleep(stay))
    arriving = asyncio.create_task(crowd.arrive())
    await let_in(crowd, proof := Proof(1, 0.001, 200))
    arriving.cancel()
    assert crowd.turned_away
    assert (len(crowd.visits) >= proof.to_come) is (stay < 1)
    assert crowd.rush.rate < proof.rate
    for visit in crowd._inside:
        visit.cancel()


async def test_the_pulse_counts_what_the_shop_answered_and_nobody_else():
    codes = iter((200, 404, 503, 500))
    transport = httpx2.MockTransport(lambda _: httpx2.Response(next(codes)))
    async with httpx2.AsyncClient(transport=transport) as http:
        pulse = Pulse(lambda: 5.5, lambda: 3)
        feeling = asyncio.create_task(pulse.feel(http, "http://127.0.0.1:4000"))
        await asyncio.sleep(0)
        for url in (*["http://127.0.0.1:4000/a"] * 3, "http://127.0.0.1:4001/truth"):
            await http.get(url)
        feeling.cancel()
    assert (pulse.answered[5], pulse.refused[5], pulse.failed[5], pulse.in_flight[5]) == (1, 1, 1, 3)


def proof(**changes):
    plan = schedule(1, 3)
    struck = [Struck(each, each.at, each.ends, Blow(1, "a <b>note</b>")) for each in plan]
    purchases = [Purchase("p", uuid4(), [{"status": "paid"}]) for _ in range(9)]
    for place, purchase in enumerate(purchases):
        purchase.began, purchase.placed_in, purchase.outcome = 100 + place, 0.05 * place, "paid"
        purchase.paid_in = 0.5 if place % 2 else None
    return Proof(1, 3, 6, struck=struck, purchases=purchases, began=100, lasted=180, rows=1234, **changes)


def test_the_page_shows_every_fault_on_one_axis_and_needs_nothing_from_elsewhere():
    page = render(proof())
    assert all(page.count(f">{planned.name}<") == 2 for planned in schedule(1, 3))
    assert "Every promise was kept, in 1,234 rows." in page
    assert "<b>note" not in page
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page


def test_what_is_wrong_stands_on_the_page_and_in_the_last_words(capsys):
    found = proof(wrong=["order <7> is gone"])
    found.struck[0].wrong.append("it did not fire")
    assert "order &lt;7&gt; is gone" in render(found)
    tell_blow(found.struck[0])
    tell_end(found)
    said = capsys.readouterr().out
    assert "it did not fire" in said
    assert "NOT PROVEN: 1 findings" in said


def test_a_proof_that_shows_nothing_yet_has_a_page_nevertheless():
    assert "<svg" in render(Proof(1, 1, 6, wrong=["it did not start"]))
