"""What stands around every route: hosts, origins, headers, whom to believe."""

import httpx2
import pytest
from fastapi import Request
from fastapi.responses import HTMLResponse

from common.addresses import network_of
from common.http import router
from common.http.frame import Frame

from .asking import is_problem

SHOP, PROXY = "https://shop.example.com", "10.0.0.1"
routes = router()


@routes.get("/things")
async def things(request: Request) -> dict[str, object]:
    return {"client": request.client.host, "scheme": request.url.scheme}


@routes.post("/things")
async def make_thing() -> dict[str, str]:
    return {}


@routes.get("/auth/jwks")
async def keys() -> dict[str, str]:
    return {}


@routes.get("/page")
async def page() -> HTMLResponse:
    return HTMLResponse("<p>hello", headers={"Content-Security-Policy": "default-src 'self'"})


@pytest.fixture
def client(serve_routes):
    """`client(hosts=["a.example"])`: somebody who asks an application in such a frame."""

    def start(peer="127.0.0.1", **frame):
        return serve_routes(None, routes, frame=Frame(**frame), peer=peer)

    return start


async def test_every_answer_has_what_browsers_need(client):
    for path, status in (("/things", 200), ("/nowhere", 404)):
        answer = await client().get(path)
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers


async def test_a_page_has_its_own_policy_and_no_second_one(client):
    answer = await client().get("/page")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]


async def test_in_production_browsers_never_ask_in_the_clear(client):
    answer = await client(https_only=True).get("/things")
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_another_name_is_not_ours(client):
    somebody = client(hosts=["test", "*.example.com"])
    assert (await somebody.get("/things")).status_code == 200
    assert (await somebody.get("/things", headers={"Host": "shop.example.com:8443"})).status_code == 200
    for host in ("evil.example", "test.evil.example", "example.com"):
        refused = await somebody.get("/things", headers={"Host": host})
        is_problem(refused, 421, "misdirected")
        assert host not in refused.text


async def test_other_services_ask_for_keys_under_whatever_name_they_know(client):
    assert (await client(hosts=["test"]).get("/auth/jwks", headers={"Host": "auth-api:8000"})).status_code == 200


@pytest.mark.parametrize("hosts", [["a", "b"], ["test", "test"], ["a b"], ["a/b"], ["user@test"], [""]])
async def test_what_is_not_one_host_is_refused_whatever_the_names_are(client, hosts):
    request = client().build_request("GET", "/things")
    others = [(name, value) for name, value in request.headers.multi_items() if name != "host"]
    request.headers = httpx2.Headers([*others, *(("host", host) for host in hosts)])
    is_problem(await client().send(request), 400, "bad_host")


@pytest.mark.parametrize(
    "origin",
    ["null", "http://shop.example.com", "https://shop.example.com.evil.example", "https://evil-shop.example.com", ""],
)
async def test_a_page_from_elsewhere_learns_nothing(client, origin):
    somebody = client(origins=[SHOP])
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (await somebody.get("/things", headers=asked), await somebody.options("/things", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["vary"] == "Origin"
    assert answer.status_code == 405


async def test_a_page_of_the_shop_may_ask_and_see_what_it_needs(client):
    somebody = client(origins=[SHOP])
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    first = await somebody.options("/things", headers=asked)
    assert (first.status_code, first.content) == (204, b"")
    assert first.headers["access-control-allow-origin"] == SHOP
    assert first.headers["access-control-allow-methods"] == "GET, POST"
    assert {"Authorization", "Idempotency-Key"} <= set(first.headers["access-control-allow-headers"].split(", "))
    assert first.headers["access-control-max-age"] == "600"
    then = await somebody.get("/things", headers={"Origin": SHOP})
    assert then.headers["access-control-allow-origin"] == SHOP
    shown = set(then.headers["access-control-expose-headers"].split(", "))
    assert {"RateLimit-Remaining", "ETag", "Idempotent-Replayed", "Retry-After", "X-Request-Id"} <= shown
    refused = await somebody.get("/nowhere", headers={"Origin": SHOP})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, SHOP)
    assert "access-control-allow-credentials" not in then.headers


@pytest.mark.parametrize("method", ["DELETE", "TRACE", "", "post"])
async def test_a_page_may_not_ask_for_what_a_path_does_not_take(client, method):
    asked = {"Origin": SHOP, "Access-Control-Request-Method": method}
    answer = await client(origins=[SHOP]).options("/things", headers=asked)
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    assert "access-control-allow-origin" not in answer.headers


async def test_without_origins_nothing_depends_on_where_a_page_is_from(client):
    answer = await client().get("/things", headers={"Origin": SHOP})
    assert "vary" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
async def test_nothing_is_sent_back_to_who_asks_for_an_echo(client, method):
    answer = await client().request(method, "/things", headers={"X-Secret": "s3cret"})
    is_problem(answer, 405, "method_not_allowed")
    assert "s3cret" not in answer.text


@pytest.mark.parametrize(
    ("told", "client_seen", "scheme"),
    [
        ({"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, "203.0.113.9", "https"),
        ({"X-Forwarded-For": "1.1.1.1, 203.0.113.9"}, "203.0.113.9", "http"),
        ({"X-Forwarded-Proto": "ftp"}, PROXY, "http"),
        ({"Forwarded": "for=1.1.1.1", "X-Real-IP": "1.1.1.1"}, PROXY, "http"),
    ],
)
async def test_a_trusted_proxy_is_believed(client, told, client_seen, scheme):
    seen = (await client(PROXY, proxies=[network_of(PROXY)]).get("/things", headers=told)).json()
    assert seen == {"client": client_seen, "scheme": scheme}


async def test_several_headers_of_several_proxies_are_one_list(client):
    somebody = client(PROXY, proxies=[network_of("10.0.0.0/8")])
    told = [("X-Forwarded-For", "1.1.1.1, 203.0.113.9"), ("X-Forwarded-For", "10.0.0.2")]
    assert (await somebody.get("/things", headers=told)).json()["client"] == "203.0.113.9"
    twice = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")]
    assert (await somebody.get("/things", headers=twice)).json()["scheme"] == "http"


async def test_nobody_else_is_believed(client):
    told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    seen = (await client("192.0.2.1").get("/things", headers=told)).json()
    assert seen == {"client": "192.0.2.1", "scheme": "http"}
