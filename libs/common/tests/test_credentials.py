"""Secrets come from variables or from files, and production takes none that everybody knows."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, SecretStr

from common.credentials import any_guessable, guessable, guessable_in
from common.settings import BadSetting, ServiceSettings, load


class BankSettings(ServiceSettings):
    service: ClassVar[str] = "bank"
    key: Annotated[SecretStr | None, Field(alias="BANK_KEY")] = None


GIVEN = {
    "SOUK_ENV": "production",
    "DATABASE_URL_BANK": "postgresql://bank:n0body-knows@db/bank",
    "AMQP_URL": "amqp://bank:n0body-knows@broker/",
    "PUBLIC_URL": "https://bank.test",
    "BANK_KEY": "n0body-knows",
}


def test_a_variable_may_be_in_a_file_that_is_named(tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    (tmp_path / "url").write_text("postgresql://bank:n0body-knows@elsewhere/bank")
    given = {name: value for name, value in GIVEN.items() if name not in {"BANK_KEY", "DATABASE_URL_BANK"}}
    given |= {"BANK_KEY_FILE": f" {tmp_path / 'key'} ", "DATABASE_URL_BANK_FILE": str(tmp_path / "url")}
    settings = load(BankSettings, given)
    assert settings.key is not None
    assert settings.key.get_secret_value() == "from a file"
    assert "elsewhere" in settings.database_url


def test_files_of_variables_that_are_not_ours_are_none_of_our_business():
    elsewhere = {"SSL_CERT_FILE": "/nowhere", "DATABASE_URL_FILE": "/nowhere", "BANK_KEY_FILE": " "}
    assert load(BankSettings, GIVEN | elsewhere).key == SecretStr("n0body-knows")


def test_a_variable_and_its_file_are_one_too_many(tmp_path):
    (tmp_path / "key").write_text("from a file")
    with pytest.raises(BadSetting, match=r"^BANK_KEY and BANK_KEY_FILE are both set: give one of them\.$"):
        load(BankSettings, GIVEN | {"BANK_KEY_FILE": str(tmp_path / "key")})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is no text"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_a_sentence(tmp_path, make, why):
    make(tmp_path / "key")
    with pytest.raises(BadSetting) as caught:
        load(BankSettings, GIVEN | {"BANK_KEY": "", "BANK_KEY_FILE": str(tmp_path / "key")})
    assert str(caught.value).startswith(f"BANK_KEY_FILE cannot be used: {tmp_path / 'key'}")
    assert why in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL_BANK", "postgresql://db/bank"),
        ("DATABASE_URL_BANK", "postgresql://bank@db/bank"),
        ("DATABASE_URL_BANK", "postgresql://bank:@db/bank"),
        ("DATABASE_URL_BANK", "postgresql://bank:bank@db/bank"),
        ("DATABASE_URL_BANK", "postgresql://postgres:postgres@db/bank"),
        ("AMQP_URL", "amqp://broker/"),
        ("AMQP_URL", "amqp://guest:guest@broker/"),
        ("AMQP_URL", "amqp://souk:change%2Dme@broker/"),
        ("BANK_KEY", "Changeit"),
        ("BANK_KEY", "your-key-here"),
        ("BANK_KEY", "n0body-knows,secret"),
        ("BANK_KEY", ","),
    ],
)
def test_production_refuses_what_everybody_knows(name, value):
    assert load(BankSettings, GIVEN).environment == "production"
    with pytest.raises(BadSetting, match=f"^{name} (has no password|must not be a default)") as caught:
        load(BankSettings, GIVEN | {name: value})
    assert value not in str(caught.value)
    assert load(BankSettings, GIVEN | {name: value, "SOUK_ENV": "development"}).environment == "development"


def test_what_is_made_by_chance_is_no_default():
    assert not guessable("whsec_2b7f0c")
    assert not any_guessable("n0body-knows, nor-th1s,")
    assert not guessable_in("amqp://orders:g%2Fq7@broker/")
    assert guessable_in("amqp://[broker/")
