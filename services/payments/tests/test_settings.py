"""What stops the start, and that the tables are those the models think of."""

from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from common.migrations import MACHINERY
from common.settings import BadSetting, load
from common.testing import seal_settings
from payments.models import Base
from payments.providers.configured import configured
from payments.settings import PaymentsSettings

_BASE = {"DATABASE_URL_PAYMENTS": "postgresql://u:p@h/d", "WIRE": "inprocess", **seal_settings("payments")}
_PRODUCTION = {
    **_BASE,
    "SOUK_ENV": "production",
    "WIRE": "rabbitmq",
    "AMQP_URL": "amqp://u:p@h/",
    "PUBLIC_URL": "https://shop.example",
}
_LIVE = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
_RAZORPAY_LIVE = {
    "RAZORPAY_KEY_ID": "rzp_live_1",
    "RAZORPAY_KEY_SECRET": "n0body-knows",
    "RAZORPAY_WEBHOOK_SECRET": "n0body-knows-this",
}
_TEST = _LIVE | {"STRIPE_SECRET_KEY": "sk_test_1"}
_RAZORPAY_TEST = _RAZORPAY_LIVE | {"RAZORPAY_KEY_ID": "rzp_test_1"}


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (_PRODUCTION, "STRIPE_SECRET_KEY and RAZORPAY_KEY_ID are missing"),
        (
            {**_BASE, **_RAZORPAY_LIVE, "RAZORPAY_API_BASE": "http://127.0.0.1:1/razorpay"},
            "RAZORPAY_API_BASE must not be set beside a live RAZORPAY_KEY_ID",
        ),
        ({**_BASE, "RAZORPAY_KEY_ID": "rzp_test_1"}, "RAZORPAY_KEY_SECRET is missing"),
        ({**_BASE, "RAZORPAY_KEY_SECRET": "secret"}, "RAZORPAY_KEY_ID is missing"),
        ({**_BASE, "RAZORPAY_KEY_ID": "key_1", "RAZORPAY_KEY_SECRET": "secret"}, "RAZORPAY_KEY_ID cannot be used"),
        ({**_PRODUCTION, **_LIVE, "PUBLIC_URL": "http://shop.example"}, "PUBLIC_URL must be https"),
        ({**_PRODUCTION, **_LIVE, "STOREFRONT_URL": "http://shop.example/after"}, "STOREFRONT_URL must be https"),
        ({**_PRODUCTION, **_LIVE, "STRIPE_API_BASE": "http://127.0.0.1:1/stripe"}, "STRIPE_API_BASE must not be set"),
        (
            {**_BASE, "STRIPE_SECRET_KEY": "rk_live_1", "STRIPE_API_BASE": "http://h/x"},
            "STRIPE_API_BASE must not be set",
        ),
        ({**_PRODUCTION, **_TEST, "STRIPE_API_BASE": "http://h/x"}, "STRIPE_API_BASE must not be set in production"),
        (
            {**_PRODUCTION, **_RAZORPAY_TEST, "RAZORPAY_API_BASE": "http://h/x"},
            "RAZORPAY_API_BASE must not be set in production",
        ),
        ({**_PRODUCTION, **_LIVE, "STRIPE_SECRET_KEY": "sk_test_souk_sandbox"}, "STRIPE_SECRET_KEY must not be a defa"),
        ({**_PRODUCTION, **_LIVE, "STRIPE_WEBHOOK_SECRET": "whsec_placeholder"}, "STRIPE_WEBHOOK_SECRET must not be a"),
        ({**_PRODUCTION, **_LIVE, "STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET is missing"),
        (
            {**_PRODUCTION, **_RAZORPAY_LIVE, "RAZORPAY_KEY_ID": "rzp_test_souk_sandbox"},
            "RAZORPAY_KEY_ID must not be the sandbox's",
        ),
        ({**_PRODUCTION, **_RAZORPAY_LIVE, "RAZORPAY_KEY_SECRET": "secret"}, "RAZORPAY_KEY_SECRET must not be a def"),
        ({**_PRODUCTION, **_RAZORPAY_LIVE, "RAZORPAY_WEBHOOK_SECRET": " "}, "RAZORPAY_WEBHOOK_SECRET is missing"),
        ({**_PRODUCTION, **_RAZORPAY_LIVE, "RAZORPAY_WEBHOOK_SECRET": "new-secret,changeme"}, "must not be a default"),
        ({**_BASE, "STRIPE_SECRET_KEY": "pk_test_1"}, "begins with sk_ or rk_"),
        (
            {**_BASE, "STRIPE_SECRET_KEY": "sk_test_1", "SEAL_PUBLIC_KEYS": "{}"},
            "SEAL_PUBLIC_KEYS names no key of orders",
        ),
        ({**_BASE, "STRIPE_SECRET_KEY": "sk_live_1"}, "STRIPE_SECRET_KEY is a live key"),
        ({**_BASE, "STRIPE_SECRET_KEY": "rk_live_1"}, "STRIPE_SECRET_KEY is a live key"),
        ({**_BASE, **_RAZORPAY_LIVE}, "RAZORPAY_KEY_ID is a live key"),
        ({**_BASE, "PAYMENT_POLLS": "30s,soon"}, "PAYMENT_POLLS"),
        ({**_BASE, "PROVIDER_TIMEOUT": "0s"}, "PROVIDER_TIMEOUT"),
    ],
)
def test_what_cannot_work_stops_the_start_with_a_sentence(environ, sentence) -> None:
    with pytest.raises(BadSetting, match=sentence):
        load(PaymentsSettings, environ)


@pytest.mark.parametrize("keys", [_LIVE, _RAZORPAY_LIVE, {**_LIVE, **_RAZORPAY_LIVE}])
def test_live_keys_of_either_provider_start_in_production(keys) -> None:
    settings = load(PaymentsSettings, {**_PRODUCTION, **keys})
    assert "sk_live" not in repr(settings)
    assert "n0body" not in repr(settings)
    providers = configured(settings)
    assert set(providers) == {name.partition("_")[0].lower() for name in keys}
    assert all(provider.livemode for provider in providers.values())


def test_a_worker_in_production_hears_no_webhooks_and_needs_none_of_their_secrets() -> None:
    given = {**_PRODUCTION, "STRIPE_SECRET_KEY": "sk_live_1", "SOUK_ROLE": "worker"}
    assert load(PaymentsSettings, given).stripe_webhook_secrets == ()


@pytest.mark.parametrize(
    ("given", "doubted"),
    [
        ({}, []),
        (_TEST | _RAZORPAY_TEST, []),
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, ["STRIPE_WEBHOOK_SECRET is not set"]),
        (_RAZORPAY_TEST | {"RAZORPAY_WEBHOOK_SECRET": ""}, ["RAZORPAY_WEBHOOK_SECRET is not set"]),
        (_TEST | {"STRIPE_WEBHOOK_SECRET": "whsec_1,we_2"}, ["STRIPE_WEBHOOK_SECRET does not begin with whsec_"]),
    ],
)
def test_webhooks_that_cannot_be_verified_are_doubted_at_the_start(given, doubted) -> None:
    found = load(PaymentsSettings, {**_BASE, **given}).doubts
    assert [sentence.startswith(words) for sentence, words in zip(found, doubted, strict=True)] == [True] * len(doubted)
    assert load(PaymentsSettings, {**_BASE, **given, "SOUK_ROLE": "worker"}).doubts == ()


def test_a_provider_without_credentials_is_off() -> None:
    assert (
        configured(load(PaymentsSettings, {**_BASE, "RAZORPAY_WEBHOOK_SECRET": "s", "STRIPE_WEBHOOK_SECRET": "s"}))
        == {}
    )


def test_two_secrets_sign_webhooks_while_one_replaces_the_other() -> None:
    settings = load(PaymentsSettings, {**_BASE, "RAZORPAY_WEBHOOK_SECRET": "new, old,", "STRIPE_WEBHOOK_SECRET": "one"})
    assert settings.razorpay_webhook_secrets == ("new", "old")
    assert settings.stripe_webhook_secrets == ("one",)


@pytest.mark.parametrize("name", ["PUBLIC_URL", "STOREFRONT_URL"])
@pytest.mark.parametrize(
    "address",
    [
        "https://good.com@evil.com",
        "https://user:word@good.com/",
        "https://evil.com\\@good.com",
        "https://good.com\\evil",
        "//evil.com",
        "https:////evil.com",
        "https://good.com//evil.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "ht\ttps://good.com",
        "https://good.com/\tevil",
        "https://good.com/\n",
        " https://good.com",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://127.1/",
        "https://1.2.3.256/",
        "https://пример.example/",
        "https://goo\u017f.com/",
        "https://good.com./",
        "https://-good.com/",
        "https://good.com/../evil",
        "https://good.com/./evil",
        "https://good.com/%2e%2e/evil",
        "https://good.com/after?next=evil",
        "https://good.com/#evil",
        "https://good.com:70000/",
        "https://[::1/",
        "https://[1.2.3.4]/",
        "https://",
        "shop.example",
    ],
)
def test_an_address_that_may_lead_elsewhere_stops_the_start(name, address) -> None:
    with pytest.raises(BadSetting, match=name):
        load(PaymentsSettings, {**_BASE, name: address})


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        ("https://shop.example:8443/after/paying", "https://shop.example:8443/after/paying"),
        ("https://xn--e1afmkfd.example", "https://xn--e1afmkfd.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://localhost:3000/done", "http://localhost:3000/done"),
    ],
)
def test_a_plain_address_is_taken(address, kept) -> None:
    settings = load(PaymentsSettings, {**_BASE, "PUBLIC_URL": address, "STOREFRONT_URL": address})
    assert settings.storefront_url == kept
    assert settings.return_url == f"{kept}/api/v1/payments/return"
    if "shop.example" not in kept and "xn--" not in kept:
        load(PaymentsSettings, {**_PRODUCTION, **_LIVE, "PUBLIC_URL": address, "STOREFRONT_URL": address})


def test_without_a_public_address_buyers_come_back_to_this_machine() -> None:
    settings = load(PaymentsSettings, {**_BASE, "PORT": "8123"})
    assert settings.return_url == "http://127.0.0.1:8123/api/v1/payments/return"


def test_the_pace_shortens_waits_but_no_lease() -> None:
    slow, fast = (load(PaymentsSettings, {**_BASE, "SOUK_PACE": pace}).patience for pace in ("1", "60"))
    assert fast.polls[0] == timedelta(seconds=0.5)
    assert slow.lease == fast.lease > timedelta(seconds=10)
    assert slow.next_poll(99) == timedelta(days=1)
    assert [slow.retry(attempts).total_seconds() for attempts in (0, 1, 2, 5, 99)] == [1, 1, 2, 16, 300]


async def test_the_migrations_make_what_the_models_say(till) -> None:
    def differences(connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _, name, kind, *__: not (kind == "table" and name.startswith(MACHINERY)),
            },
        )
        return compare_metadata(context, Base.metadata)

    async with till.one.database.engine.connect() as connection:
        found = await connection.run_sync(differences)
    assert [item for item in found if "alembic_version" not in str(item)] == []
