"""Settings: each bad one stops the start with a sentence that names it and says how to mend it."""

from datetime import timedelta
from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from common.settings import BadSetting, Duration, ServiceSettings, load


class OrdersSettings(ServiceSettings):
    service: ClassVar[str] = "orders"
    expires_after: Annotated[Duration, Field(alias="ORDER_EXPIRES_AFTER")] = timedelta(minutes=30)


GOOD = {"DATABASE_URL_ORDERS": "postgresql://u:p@h/orders", "WIRE": "inprocess"}
PRODUCTION = {
    "DATABASE_URL_ORDERS": "postgresql://u:p@h/orders",
    "SOUK_ENV": "production",
    "AMQP_URL": "amqp://u:p@h/",
    "PUBLIC_URL": "https://shop.example",
}

BAD = {
    "DATABASE_URL_ORDERS is missing or no PostgreSQL URL: write postgresql+asyncpg://": {"DATABASE_URL_ORDERS": ""},
    "DATABASE_URL_ORDERS is missing or no PostgreSQL": {"DATABASE_URL_ORDERS": "mysql://u:p@h/orders"},
    "AMQP_URL is missing: name the broker, such as amqp://": {"WIRE": "rabbitmq"},
    "AMQP_URL cannot be used": {"AMQP_URL": "http://h/"},
    "PORT cannot be used": {"PORT": "eight"},
    "INTERNAL_PORT cannot be used": {"INTERNAL_PORT": "65536"},
    "SOUK_ENV cannot be used: Input should be 'development' or 'production'": {"SOUK_ENV": "prod"},
    "SOUK_ROLE cannot be used": {"SOUK_ROLE": "boss"},
    "PUBLIC_URL cannot be used": {"PUBLIC_URL": "shop.example"},
    "JWKS_URL cannot be used": {"JWKS_URL": "https://user:pass@evil.example/"},
    "HANDLER_LIMIT cannot be used: write a duration such as 500ms, 30s, 15m, 1h or 7d.": {"HANDLER_LIMIT": "10"},
    "HANDLER_LIMIT cannot be used: write more than no time at all.": {"HANDLER_LIMIT": "0s"},
    "JWKS_REFRESH cannot be used": {"JWKS_REFRESH": "0ms"},
    "ORDER_EXPIRES_AFTER cannot be used: this duration is too long.": {"ORDER_EXPIRES_AFTER": "9" * 30 + "d"},
    "SEAL_PRIVATE_KEY cannot be used: write a JSON object.": {"SEAL_PRIVATE_KEY": "{"},
    "SEAL_PUBLIC_KEYS cannot be used": {"SEAL_PUBLIC_KEYS": "[1]"},
    "SOUK_PACE cannot be used": {"SOUK_PACE": "61"},
    "DATABASE_POOL cannot be used": {"DATABASE_POOL": "0"},
    "ALLOWED_HOSTS cannot be used: 'https://a.example' is no host": {"ALLOWED_HOSTS": "b.example, https://a.example"},
    "CORS_ORIGINS cannot be used: '*' is no origin": {"CORS_ORIGINS": "*"},
    "CORS_ORIGINS cannot be used: 'https://a.example/' is no origin": {"CORS_ORIGINS": "https://a.example/"},
    "TRUSTED_PROXIES cannot be used: 'gateway' is no network": {"TRUSTED_PROXIES": "gateway"},
    "RATE_LIMIT_PER_MINUTE cannot be used": {"RATE_LIMIT_PER_MINUTE": "-1"},
    "RATE_LIMITS cannot be used: write a JSON object.": {"RATE_LIMITS": "orders=30"},
    "RATE_LIMITS cannot be used: Input should be greater": {"RATE_LIMITS": '{"orders": -1}'},
    "RATE_LIMITS cannot be used: String should match pattern": {"RATE_LIMITS": '{"/api/v1/orders": 1}'},
    "LOG_LEVEL cannot be used": {"LOG_LEVEL": "LOUD"},
    "FAULTS 'nonsense' is no fault: write name:kill": {"FAULTS": "nonsense"},
}
REFUSED = {
    "FAULTS must be empty in production.": {"FAULTS": "relay.published:kill"},
    "SOUK_PACE must be 1 in production": {"SOUK_PACE": "10"},
    "WIRE must be rabbitmq in production.": {"WIRE": "inprocess"},
    "PUBLIC_URL is missing": {"PUBLIC_URL": ""},
    "CORS_ORIGINS must be https:// addresses in production.": {"CORS_ORIGINS": "https://a.example,http://b.example"},
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_setting_is_said_in_a_sentence(sentence):
    with pytest.raises(BadSetting) as caught:
        load(OrdersSettings, GOOD | BAD[sentence])
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sentence", REFUSED)
def test_production_refuses_what_is_for_tests(sentence):
    assert load(OrdersSettings, PRODUCTION).environment == "production"
    with pytest.raises(BadSetting) as caught:
        load(OrdersSettings, PRODUCTION | REFUSED[sentence])
    assert str(caught.value).startswith(sentence)


def test_each_fault_has_its_own_line():
    with pytest.raises(BadSetting) as caught:
        load(OrdersSettings, GOOD | {"PORT": "x", "DATABASE_URL_ORDERS": ""})
    assert len(str(caught.value).splitlines()) == 2


def test_a_password_is_never_repeated():
    with pytest.raises(BadSetting) as caught:
        load(OrdersSettings, GOOD | {"DATABASE_URL_ORDERS": "mysql://u:hunter2@h/", "AMQP_URL": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_empty_variables_count_as_absent_and_others_are_none_of_ours():
    settings = load(OrdersSettings, GOOD | {"PORT": " ", "DATABASE_URL": "postgresql://other", "HOME": "/"})
    assert settings.port == 8000
    assert settings.database_url == "postgresql://u:p@h/orders"


def test_an_api_needs_no_broker():
    assert load(OrdersSettings, {**GOOD, "WIRE": "rabbitmq", "SOUK_ROLE": "api"}).amqp_url is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("15m", 900), ("1.5h", 5400), ("7d", 604800), (" 5s ", 5)]
)
def test_durations_have_units(text, seconds):
    assert load(OrdersSettings, GOOD | {"ORDER_EXPIRES_AFTER": text}).expires_after.total_seconds() == seconds


def test_addresses_follow_from_the_port():
    settings = load(OrdersSettings, GOOD | {"PORT": "9000", "SOUK_PACE": "60"})
    assert settings.public_base == "http://127.0.0.1:9000"
    assert settings.jwks_source == "http://127.0.0.1:9000/api/v1/auth/jwks"
    assert settings.internal == 9001
    assert settings.paced(settings.expires_after) == 30
    assert load(OrdersSettings, GOOD | {"PORT": "0"}).internal == 0
    assert load(OrdersSettings, GOOD | {"INTERNAL_PORT": "0"}).internal == 0
    assert load(OrdersSettings, GOOD | {"PUBLIC_URL": "https://shop.example/"}).public_base == "https://shop.example"


def test_settings_made_by_hand_take_durations_and_objects_as_they_are():
    made = OrdersSettings(
        database_url="postgresql://h/o", wire="inprocess", grace=timedelta(seconds=1), seal_private_key={"kty": "EC"}
    )
    assert made.grace == timedelta(seconds=1)


def test_in_production_there_are_limits_and_names_unless_others_are_given():
    here, there = load(OrdersSettings, GOOD), load(OrdersSettings, PRODUCTION)
    assert (here.requests_per_minute, here.hosts, here.https_only) == (0, (), False)
    assert (there.requests_per_minute, there.hosts, there.https_only) == (100, ("shop.example",), True)
    given = {
        "RATE_LIMIT_PER_MINUTE": "0",
        "ALLOWED_HOSTS": "A.example , *.b.example",
        "PUBLIC_URL": "http://[::1]:8443/x",
    }
    other = load(OrdersSettings, PRODUCTION | given)
    assert (other.requests_per_minute, other.hosts, other.https_only) == (0, ("a.example", "*.b.example"), False)
    assert load(OrdersSettings, PRODUCTION | {"PUBLIC_URL": "http://[::1]:8443/x"}).hosts == ("[::1]",)
    assert load(OrdersSettings, GOOD | {"RATE_LIMITS": '{"auth/login": 10}'}).rate_limits == {"auth/login": 10}


def test_whom_to_believe_is_a_list_of_networks():
    assert [str(one) for one in load(OrdersSettings, GOOD).trusted_proxies] == ["127.0.0.0/8", "::1/128"]
    assert load(OrdersSettings, GOOD | {"TRUSTED_PROXIES": "none"}).trusted_proxies == ()
    given = load(OrdersSettings, GOOD | {"TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::7"})
    assert [str(one) for one in given.trusted_proxies] == ["10.0.0.0/8", "2001:db8::7/128"]
