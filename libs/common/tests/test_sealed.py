"""Sealed secrets: one service opens them, everybody else sees noise."""

import json

import pytest
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import BaseModel

from common.sealed import Opener, Sealed, Sealer, new_key_pair

ORDERS, NOTIFIER = new_key_pair("orders"), new_key_pair("notifier")


@pytest.fixture
def sealer():
    return Sealer({"orders": json.loads(ORDERS[1]), "notifier": json.loads(NOTIFIER[1])})


def test_only_the_recipient_opens_it(sealer):
    sealed = sealer.seal("pi_1_secret_x", "orders")
    assert Opener(json.loads(ORDERS[0])).open(sealed) == "pi_1_secret_x"
    assert "secret" not in sealed
    with pytest.raises(JoseError):
        Opener(json.loads(NOTIFIER[0])).open(sealed)


@pytest.mark.parametrize("broken", ["", "plain text", "a.b.c.d.e", "…"])
def test_what_was_never_sealed_is_refused(broken):
    with pytest.raises((JoseError, ValueError)):
        Opener(json.loads(ORDERS[0])).open(broken)


def test_a_changed_byte_is_noticed(sealer):
    parts = sealer.seal("secret", "orders").split(".")
    parts[3] = ("A" if parts[3][0] != "A" else "B") + parts[3][1:]
    with pytest.raises(JoseError):
        Opener(json.loads(ORDERS[0])).open(".".join(parts))


@pytest.mark.parametrize("header", [{"alg": "ECDH-ES", "enc": "A256GCM"}, {"alg": "ECDH-ES+A256KW", "enc": "A128GCM"}])
def test_a_seal_of_another_make_is_refused(header):
    key = ECKey.import_key(json.loads(ORDERS[1]))
    algorithms = list(header.values())
    sealed = jwe.encrypt_compact(header, b"secret", key, algorithms=algorithms)
    assert jwe.decrypt_compact(sealed, ECKey.import_key(json.loads(ORDERS[0])), algorithms=algorithms)
    with pytest.raises(JoseError):
        Opener(json.loads(ORDERS[0])).open(sealed)


@pytest.mark.parametrize("secret", ["", "ünïcode …", "x" * 10_000, '{"a": "b"}'])
def test_any_text_comes_back_as_it_was(sealer, secret):
    assert Opener(json.loads(ORDERS[0])).open(sealer.seal(secret, "orders")) == secret


def test_an_unknown_recipient_is_said(sealer):
    with pytest.raises(KeyError, match="catalog"):
        sealer.seal("secret", "catalog")


def test_the_same_secret_never_looks_the_same(sealer):
    assert sealer.seal("secret", "orders") != sealer.seal("secret", "orders")


def test_it_travels_as_text_and_prints_as_nothing(sealer):
    class Fact(BaseModel):
        code: Sealed[str]

    fact = Fact(code=sealer.seal("secret", "orders"))
    back = Fact.model_validate_json(fact.model_dump_json())
    assert isinstance(back.code, Sealed)
    assert back.code == fact.code
    assert repr(fact) == "Fact(code=Sealed(…))"


def test_the_private_key_stays_out_of_the_public_one():
    private, public = (json.loads(key) for key in ORDERS)
    assert "d" in private
    assert "d" not in public
    assert public["kid"] == "orders"
