"""Access tokens: what is accepted, what never is; and the keys that sign them, from publication to the last token."""

import asyncio
import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization

from auth.main import build
from auth.tokens import new_jwk
from common.broker import InProcessWire

MINUTE = timedelta(minutes=1)


async def _signing_key(auth):
    [row] = await auth.sql("SELECT jwk FROM signing_keys WHERE signs_from <= now() ORDER BY signs_from DESC LIMIT 1")
    return row["jwk"]


async def _forged(auth, *, headers=None, without=(), **claims):
    """Return a token signed by the right key, with something changed; durations count from now."""
    jwk, user = await _signing_key(auth), await auth.register()
    good = {
        "iss": "souk",
        "aud": "souk-api",
        "sub": user["id"],
        "roles": ["customer"],
        "iat": timedelta(),
        "exp": MINUTE,
    }
    moment = datetime.now(UTC)
    payload = {
        name: moment + value if isinstance(value, timedelta) else value
        for name, value in (good | claims).items()
        if name not in without
    }
    return jwt.encode(
        payload, jwt.PyJWK(jwk), algorithm="EdDSA", headers={"kid": jwk["kid"], "typ": "at+jwt"} | (headers or {})
    )


async def _me(auth, token):
    return (await auth.client.get("/users/me", headers={"Authorization": f"Bearer {token}"})).status_code


def _part(value):
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else orjson.dumps(value)).rstrip(b"=")


async def test_the_unchanged_token_is_good(auth):
    assert await _me(auth, await _forged(auth)) == 200


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"iss": "somebody"},
        {"nbf": 10 * MINUTE},
        {"exp": -MINUTE},
        {"without": ["exp"]},
        {"without": ["iat"]},
        {"without": ["sub"]},
        {"without": ["aud"]},
        {"without": ["iss"]},
        {"without": ["roles"]},
        {"sub": "not-an-id"},
        {"headers": {"typ": "JWT"}},
        {"headers": {"typ": "id+jwt"}},
        {"headers": {"kid": "unknown"}},
    ],
    ids=str,
)
async def test_a_token_with_one_thing_wrong_is_refused(auth, change):
    assert await _me(auth, await _forged(auth, **change)) == 401


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "HS256", "EdDSA"])
async def test_a_token_signed_by_no_private_key_is_refused(auth, alg):
    jwk = await _signing_key(auth)
    _, payload, _ = (await _forged(auth)).encode().split(b".")
    header = _part({"alg": alg, "typ": "at+jwt", "kid": jwk["kid"]})
    public = jwt.PyJWK({name: value for name, value in jwk.items() if name != "d"}).key
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, base64.urlsafe_b64decode(jwk["x"] + "="), b""):
        signature = hmac.new(secret, header + b"." + payload, hashlib.sha256).digest() if secret else b""
        assert await _me(auth, b".".join((header, payload, _part(signature))).decode()) == 401


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk"])
async def test_a_token_that_brings_its_own_key_is_refused(auth, name):
    mine = new_jwk()
    claims = jwt.decode(await _forged(auth), options={"verify_signature": False})
    for kid in (mine["kid"], (await _signing_key(auth))["kid"]):
        brought = {name: mine if name == "jwk" else "https://evil.example/keys", "kid": kid, "typ": "at+jwt"}
        assert await _me(auth, jwt.encode(claims, jwt.PyJWK(mine), algorithm="EdDSA", headers=brought)) == 401


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([], 401),
        ([("Authorization", "Basic YTpi")], 401),
        ([("Authorization", "Bearer")], 401),
        ([("Authorization", "Bearer x.y.z")], 401),
        ([("Authorization", "Bearer " + "x" * 100_000)], 401),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], 400),
    ],
)
async def test_no_token_or_none_that_can_be_one_is_refused(auth, given, status):
    answer = await auth.client.get("/users/me", headers=given)
    assert answer.status_code == status
    assert status == 400 or "www-authenticate" in answer.headers


async def test_a_changed_payload_does_not_fit_its_signature(auth):
    header, payload, signature = (await _forged(auth)).split(".")
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "==")) | {"roles": ["admin"]}
    assert await _me(auth, f"{header}.{_part(claims).decode()}.{signature}") == 401


async def test_an_access_token_says_who_for_whom_and_how_long(auth):
    user = await auth.register()
    token = (await auth.tokens(user["email"]))["access_token"]
    assert jwt.get_unverified_header(token) == {
        "alg": "EdDSA",
        "typ": "at+jwt",
        "kid": (await _signing_key(auth))["kid"],
    }
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "roles", "iat", "exp", "jti"}
    assert (claims["sub"], claims["roles"], claims["exp"] - claims["iat"]) == (user["id"], ["customer"], 600)
    assert UUID(claims["jti"]).version == 7


async def test_the_key_set_shows_the_current_and_the_next_key_and_no_private_half(auth):
    answer = await auth.client.get("/auth/jwks")
    keys = answer.json()["keys"]
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert [key.keys() for key in keys] == [{"kty", "crv", "x", "kid", "use", "alg"}] * 2
    assert keys[0]["kid"] == (await _signing_key(auth))["kid"]


async def test_replicas_that_start_together_agree_on_their_keys(auth):
    await auth.sql("DELETE FROM signing_keys")
    await asyncio.gather(*(auth.tend() for _ in range(5)))
    assert len((await auth.client.get("/auth/jwks")).json()["keys"]) == 2


async def _let_pass(auth, **duration):
    await auth.sql("UPDATE signing_keys SET signs_from = signs_from - $1::interval", timedelta(**duration))
    await auth.tend()


async def _kids(auth):
    return [key["kid"] for key in (await auth.client.get("/auth/jwks")).json()["keys"]]


async def test_a_key_is_published_signs_and_stays_until_its_tokens_have_expired(auth):
    user = await auth.register()
    first, second = await _kids(auth)
    old = (await auth.tokens(user["email"]))["access_token"]
    await _let_pass(auth, days=29, hours=23)
    assert await _kids(auth) == [first, second]
    await _let_pass(auth, hours=1)
    assert (await _kids(auth))[:2] == [first, second]
    assert len(await _kids(auth)) == 3
    new = (await auth.tokens(user["email"]))["access_token"]
    assert [jwt.get_unverified_header(token)["kid"] for token in (old, new)] == [first, second]
    assert [await _me(auth, token) for token in (old, new)] == [200, 200]
    await _let_pass(auth, minutes=71)
    assert (await _kids(auth))[0] == second
    assert [await _me(auth, token) for token in (old, new)] == [401, 200]


async def test_the_key_source_makes_the_keys_and_goes_on_when_the_database_is_away(start):
    auth = await start(JWKS_REFRESH="50ms")
    await auth.sql("DELETE FROM signing_keys")
    service = build(
        {"DATABASE_URL_AUTH": auth.service.settings.database_url, "WIRE": "inprocess", "JWKS_REFRESH": "50ms"},
        InProcessWire(),
    )
    await auth.sql("ALTER TABLE signing_keys RENAME TO hidden")
    working = asyncio.create_task(service.key_source(service.keyring, service.database))
    await asyncio.sleep(0.3)
    assert not service.keyring.ready
    await auth.sql("ALTER TABLE hidden RENAME TO signing_keys")
    async with asyncio.timeout(10):
        while not service.keyring.ready:
            await asyncio.sleep(0.02)
    working.cancel()
    await service.close()
    assert len(await _kids(auth)) == 2
