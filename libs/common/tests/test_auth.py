"""Access tokens: one way to be right, every other way is 401, and the last known keys serve on."""

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from common.auth import CurrentUser, KeyRefresher, Keyring, Principal, require
from common.events import new_id
from common.http import router
from common.telemetry import current_trace

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
USER = new_id()
routes = router()


def public(key, kid="now"):
    return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig", "alg": "EdDSA"}


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def token(key=KEY, headers=None, **changes):
    moment = datetime.now(UTC)
    claims = {
        "sub": str(USER),
        "roles": ["customer"],
        "iat": moment,
        "exp": moment + timedelta(minutes=5),
        "aud": "souk-api",
        "iss": "souk",
    }
    given = {name: value for name, value in (claims | changes).items() if value is not ...}
    return jwt.encode(given, key, algorithm="EdDSA", headers={"kid": "now", "typ": "at+jwt"} | (headers or {}))


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header, signature=b""):
    body = token().split(".")[1]
    return f"{part(header)}.{body}.{part(signature)}"


def signed_with_the_public_key():
    header, body = part({"alg": "HS256", "typ": "at+jwt", "kid": "now"}), token().split(".")[1]
    return f"{header}.{body}.{part(hmac.digest(pem(KEY), f'{header}.{body}'.encode(), hashlib.sha256))}"


def ago(**span):
    return datetime.now(UTC) - timedelta(**span)


BAD = {
    "alg none": forged({"alg": "none", "typ": "at+jwt", "kid": "now"}),
    "HS256 with the public key": signed_with_the_public_key(),
    "unknown kid": token(headers={"kid": "yesterday"}),
    "kid that is a list": forged({"alg": "EdDSA", "typ": "at+jwt", "kid": ["now"]}, b"x" * 64),
    "no kid": forged({"alg": "EdDSA", "typ": "at+jwt"}, b"x" * 64),
    "jku": token(OTHER, headers={"jku": "https://evil.example/jwks"}),
    "x5u": token(OTHER, headers={"x5u": "https://evil.example/x"}),
    "jwk in the header": token(OTHER, headers={"jwk": public(OTHER)}),
    "crit": token(headers={"crit": ["exp"]}),
    "another key": token(OTHER),
    "wrong aud": token(aud="other-api"),
    "no aud": token(aud=...),
    "wrong iss": token(iss="evil"),
    "no iss": token(iss=...),
    "wrong typ": token(headers={"typ": "JWT"}),
    "refresh token": token(headers={"typ": "rt+jwt"}),
    "nbf future": token(nbf=ago(minutes=-5)),
    "exp past": token(exp=ago(seconds=1)),
    "no exp": token(exp=...),
    "exp is text": token(exp="tomorrow"),
    "no sub": token(sub=...),
    "sub is no id": token(sub="admin"),
    "no roles": token(roles=...),
    "roles is null": token(roles=None),
    "roles of lists": token(roles=[["admin"]]),
    "body changed": token().replace(".ey", ".ez", 1),
    "signature cut": token()[:-4],
    "two parts": ".".join(token().split(".")[:2]),
    "four parts": token() + ".x",
    "nothing": "",
    "not ASCII": "é.é.é",
    "deep header": part(b"[" * 5000) + ".e30.e30",
    "header is a list": part([]) + ".e30.e30",
    "header of digits": part(b"9" * 5000) + ".e30.e30",
    "100 KB": "x" * 100_000,
}


@routes.get("/me")
async def me(user: CurrentUser) -> dict[str, str]:
    trace = current_trace()
    return {"id": str(user.id), "asked": f"{trace.auth_type} {trace.auth_id}"}


@routes.get("/admin")
async def admin(user: Annotated[Principal, require("admin", "support")]) -> dict[str, str]:
    return {"id": str(user.id)}


@pytest.fixture
def keyring():
    made = Keyring()
    made.replace({"keys": [public(KEY)]})
    return made


@pytest.fixture
async def client(serve_routes, keyring):
    return serve_routes(None, routes, keyring=keyring)


def bearer_of(text):
    return {"Authorization": f"Bearer {text}".encode()}


async def test_a_good_token_says_who_asks_each_time(client):
    good = token()
    for _ in range(2):
        answer = await client.get("/me", headers=bearer_of(good))
        assert answer.json() == {"id": str(USER), "asked": f"user {USER}"}
    assert (await client.get("/me", headers={"Authorization": f"bearer  {good} "})).status_code == 200


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_token_is_401(client, case):
    answer = await client.get("/me", headers=bearer_of(BAD[case]))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", [None, "Basic YTpi", "Bearer", "Bearer ", "Token x", "", "Bearer\tx"])
async def test_another_way_to_ask_is_401(client, header):
    answer = await client.get("/me", headers={"Authorization": header} if header is not None else {})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_two_credentials_are_400(client):
    answer = await client.get("/me", headers=[("Authorization", f"Bearer {token()}")] * 2)
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_credentials")


async def test_a_role_opens_its_door_only(client):
    assert (await client.get("/admin", headers=bearer_of(token()))).json()["code"] == "forbidden"
    assert (await client.get("/admin", headers=bearer_of(token(roles="admin")))).status_code == 403
    assert (await client.get("/admin", headers=bearer_of(token(roles=["x", "support"])))).status_code == 200
    assert (await client.get("/admin")).status_code == 401


async def test_a_token_lives_no_longer_than_it_says(client, monkeypatch):
    short = token(exp=ago(seconds=-1.5))
    assert (await client.get("/me", headers=bearer_of(short))).status_code == 200
    monkeypatch.setattr("common.auth.time", lambda: ago(seconds=-10).timestamp())
    monkeypatch.setattr("jwt.api_jwt.datetime", Later)
    assert (await client.get("/me", headers=bearer_of(short))).status_code == 401


class Later(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=10)


async def test_a_key_that_left_takes_its_tokens_with_it(client, keyring):
    old = token()
    assert (await client.get("/me", headers=bearer_of(old))).status_code == 200
    keyring.replace({"keys": [public(KEY), public(OTHER, "next")]})
    assert (await client.get("/me", headers=bearer_of(old))).status_code == 200
    keyring.replace({"keys": [public(OTHER, "now")]})
    assert (await client.get("/me", headers=bearer_of(old))).status_code == 401
    assert (await client.get("/me", headers=bearer_of(token(OTHER)))).status_code == 200


def test_a_key_set_without_keys_replaces_nothing(keyring):
    good = token()
    for nothing in ({"keys": []}, {"keys": [{"kty": "RSA", "kid": "x"}]}):
        with pytest.raises(ValueError, match="no key"):
            keyring.replace(nothing)
    assert keyring.ready
    assert keyring.verify(good).id == USER
    assert not Keyring().ready


async def test_a_service_without_keys_asks_to_come_again_instead_of_refusing_a_good_token(serve_routes):
    answer = await serve_routes(None, routes, keyring=Keyring()).get("/me", headers=bearer_of(token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "no_keys_yet")
    assert answer.headers["retry-after"] == "1"


def test_only_so_many_tokens_are_remembered(keyring, monkeypatch):
    monkeypatch.setattr("common.auth._REMEMBERED", 2)
    for number in range(5):
        keyring.verify(token(jti=str(number)))
    assert len(keyring._seen) == 2


async def test_keys_are_fetched_kept_and_found_again_without_the_auth_service(
    shared_database, background, eventually, serving
):
    answers = [{"keys": [public(KEY)]}]
    url = await serving(answers)
    first = Keyring()
    background(KeyRefresher(first, shared_database, url, every=0.05).run())
    await eventually(lambda: first.ready)
    answers[0] = {"keys": [public(KEY), public(OTHER, "next")]}
    await eventually(lambda: first.verify(token(OTHER, headers={"kid": "next"})) if "next" in first._keys else None)
    answers[0] = {"keys": []}
    second = Keyring()
    background(KeyRefresher(second, shared_database, "http://127.0.0.1:1/jwks", every=60).run())
    await eventually(lambda: second.ready)
    assert second.verify(token()).id == USER
    assert first.verify(token()).id == USER


@pytest.fixture
async def serving():
    """`await serving([answer])`: the address of an HTTP server that answers JSON."""
    servers = []

    async def start(answers):
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(answers[0]).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            writer.close()

        servers.append(await asyncio.start_server(serve, "127.0.0.1"))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}/jwks"

    yield start
    for server in servers:
        server.close()
