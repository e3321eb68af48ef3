"""What stops the start, and that the tables are those the models think of."""

from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from common.migrations import MACHINERY
from common.settings import BadSetting, load
from common.testing import seal_settings
from payments.models import Base
from payments.settings import PaymentsSettings

_BASE = {"DATABASE_URL_PAYMENTS": "postgresql://u@h/d", "WIRE": "inprocess", **seal_settings("payments")}
_PRODUCTION = {
    **_BASE,
    "SOUK_ENV": "production",
    "WIRE": "rabbitmq",
    "AMQP_URL": "amqp://h/",
    "PUBLIC_URL": "https://shop.example",
}
_LIVE = {"STRIPE_SECRET_KEY": "sk_live_1"}


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (_PRODUCTION, "STRIPE_SECRET_KEY is missing"),
        ({**_PRODUCTION, **_LIVE, "STRIPE_API_BASE": "http://127.0.0.1:1/stripe"}, "STRIPE_API_BASE must not be set"),
        (
            {**_BASE, "STRIPE_SECRET_KEY": "rk_live_1", "STRIPE_API_BASE": "http://h/x"},
            "STRIPE_API_BASE must not be set",
        ),
        ({**_BASE, "STRIPE_SECRET_KEY": "pk_test_1"}, "begins with sk_ or rk_"),
        (
            {**_BASE, "STRIPE_SECRET_KEY": "sk_test_1", "SEAL_PUBLIC_KEYS": "{}"},
            "SEAL_PUBLIC_KEYS names no key of orders",
        ),
        ({**_BASE, "PAYMENT_POLLS": "30s,soon"}, "PAYMENT_POLLS"),
        ({**_BASE, "PROVIDER_TIMEOUT": "0s"}, "PROVIDER_TIMEOUT"),
    ],
)
def test_what_cannot_work_stops_the_start_with_a_sentence(environ, sentence) -> None:
    with pytest.raises(BadSetting, match=sentence):
        load(PaymentsSettings, environ)


def test_a_live_key_alone_starts_in_production() -> None:
    settings = load(PaymentsSettings, {**_PRODUCTION, **_LIVE})
    assert "sk_live" not in repr(settings)


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
