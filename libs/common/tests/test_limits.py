"""How often one client may ask, and who counts as one."""

from sys import getsizeof

import pytest

from common.addresses import network_of
from common.auth import CurrentUser
from common.events import new_id
from common.http import router
from common.http.frame import Frame
from common.http.limits import RateLimits
from common.testing import bearer

from .asking import is_problem

PROXY, STRANGER = "10.0.0.1", "203.0.113.9"
routes = router()


@routes.get("/orders")
async def orders() -> dict[str, int]:
    return {}


@routes.get("/orders/{number}")
async def order(number: str) -> dict[str, str]:
    return {"number": number}


@routes.get("/ordersx")
async def others() -> dict[str, int]:
    return {}


@routes.get("/me")
async def me(user: CurrentUser) -> dict[str, str]:
    return {"id": str(user.id)}


@routes.post("/payments/webhooks/stripe")
async def webhook() -> dict[str, int]:
    return {}


@routes.get("/auth/jwks")
async def keys() -> dict[str, int]:
    return {}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(serve_routes, clock):
    """`client(5, {"orders": 2}, peer=…)`: somebody who may ask so often."""

    def start(per_minute, groups=None, peer=STRANGER):
        frame = Frame(proxies=[network_of("10.0.0.0/8")], limits=RateLimits(per_minute, groups or {}, clock))
        return serve_routes(None, routes, frame=frame, peer=peer)

    return start


async def statuses(client, count, path="/orders", **options):
    return [(await client.get(path, **options)).status_code for _ in range(count)]


async def test_one_too_many_is_told_when_to_come_again_and_may_then(client, clock):
    somebody = client(3)
    first = await somebody.get("/orders")
    told = [first.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
    assert told == ["3", "2", "60"]
    clock.now += 10
    assert await statuses(somebody, 2) == [200, 200]
    refused = await somebody.get("/orders")
    is_problem(refused, 429, "rate_limited")
    assert (refused.headers["retry-after"], refused.headers["ratelimit-remaining"]) == ("50", "0")
    clock.now += 49
    assert await statuses(somebody, 1) == [429]
    clock.now += 1
    assert await statuses(somebody, 2) == [200, 429]


async def test_in_no_minute_there_are_more_than_that(client, clock):
    somebody, taken = client(10), []
    for _ in range(400):
        clock.now += 0.7
        if (await somebody.get("/orders")).status_code == 200:
            taken.append(clock.now)
    assert len(taken) > 40
    assert max(sum(1 for one in taken if start <= one < start + 59) for start in taken) == 10


async def test_everybody_signed_in_is_counted_by_himself_wherever_he_is(client):
    here = client(2)
    ann, bob = bearer(new_id()), bearer(new_id())
    assert await statuses(here, 3, headers=ann) == [200, 200, 429]
    assert await statuses(here, 3, headers=bob) == [200, 200, 429]
    assert await statuses(here, 3) == [200, 200, 429]


async def test_a_token_that_is_no_good_is_counted_where_it_comes_from(client):
    somebody = client(2)
    answers = [await somebody.get("/me", headers={"Authorization": f"Bearer nonsense{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


async def test_who_says_that_he_comes_from_elsewhere_is_counted_where_he_is(client):
    somebody = client(2)
    answers = [await somebody.get("/orders", headers={"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_behind_a_proxy_everybody_is_counted_by_himself(client):
    proxy = client(2, peer=PROXY)
    for n in range(3):
        assert await statuses(proxy, 3, headers={"X-Forwarded-For": f"192.0.2.{n}"}) == [200, 200, 429]
    forged = [await proxy.get("/orders", headers={"X-Forwarded-For": f"{n}.1.1.1, 192.0.2.7"}) for n in range(1, 4)]
    assert [answer.status_code for answer in forged] == [200, 200, 429]


async def test_who_has_a_whole_network_of_addresses_is_one(client):
    proxy = client(2, peer=PROXY)
    answers = [await proxy.get("/orders", headers={"X-Forwarded-For": f"2001:db8::{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_a_group_of_paths_may_have_a_limit_of_its_own(client):
    somebody = client(3, {"orders": 1, "orders/7": 2, "me": 0})
    assert await statuses(somebody, 2) == [200, 429]
    assert await statuses(somebody, 2, "/orders/8") == [429, 429]
    assert await statuses(somebody, 3, "/orders/7") == [200, 200, 429]
    assert await statuses(somebody, 4, "/ordersx") == [200, 200, 200, 429]
    assert await statuses(somebody, 9, "/me") == [401] * 9


async def test_providers_and_who_asks_for_keys_are_never_turned_away(client):
    somebody = client(1)
    answers = [await somebody.post("/payments/webhooks/stripe") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert await statuses(somebody, 3, "/auth/jwks") == [200] * 3
    assert "ratelimit-limit" not in answers[0].headers


async def test_without_a_limit_nobody_is_told_of_one(serve_routes):
    answer = await serve_routes(None, routes).get("/orders")
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


async def test_a_crowd_of_addresses_does_not_eat_the_memory(client, monkeypatch):
    monkeypatch.setattr("common.http.limits._MOST_CLIENTS", 3)
    proxy = client(1, peer=PROXY)
    for n in (1, 2, 3, 4, 2, 1):
        await proxy.get("/orders", headers={"X-Forwarded-For": f"192.0.2.{n}"})
    assert await statuses(proxy, 1, headers={"X-Forwarded-For": "192.0.2.4"}) == [429]
    assert await statuses(proxy, 1, headers={"X-Forwarded-For": "192.0.2.3"}) == [200]


async def test_who_was_silent_for_a_minute_is_forgotten(serve_routes, clock):
    limits = RateLimits(2, clock=clock)
    frame = Frame(proxies=[network_of("10.0.0.0/8")], limits=limits)
    proxy = serve_routes(None, routes, frame=frame, peer=PROXY)
    for n in range(30):
        await proxy.get("/orders", headers={"X-Forwarded-For": f"192.0.2.{n}"})
        clock.now += 10
    assert len(limits._clients) == 6


async def test_who_asks_all_the_time_takes_little_memory(serve_routes, clock):
    limits = RateLimits(1000, clock=clock)
    somebody = serve_routes(None, routes, frame=Frame(limits=limits), peer=STRANGER)
    for _ in range(100):
        await somebody.get("/orders")
        clock.now += 1
    [known] = limits._clients.values()
    assert known.total == 60
    assert getsizeof(known.seconds) < 800
