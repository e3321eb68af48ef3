"""While a webhook secret is replaced no genuine event is refused: old signatures, new ones and late repetitions."""

import pytest

from common.db import plain_dsn
from common.testing import one_service
from payments.main import MIGRATIONS, build

from .conftest import KEY, SECRETS, MakeTill, Street, Till
from .counters import INTENT, ORDER, Counter, both_providers

NEW = {name: f"{old}_new" for name, old in SECRETS.items()}
ROLLING = {name: f"{NEW[name]},{old}" for name, old in SECRETS.items()}


def accepting(street: Street, secrets: dict[str, str]) -> dict[str, str]:
    """The environment of a till that knows these secrets."""
    known = {"STRIPE_WEBHOOK_SECRET": secrets["stripe"], "RAZORPAY_WEBHOOK_SECRET": secrets["razorpay"]}
    return {**both_providers(street), **known}


async def answers(till: Till) -> set[int | None]:
    """How the deliveries so far were answered."""
    return {attempt["status"] for attempt in (await till.http.get("/sandbox/webhooks")).json()}


@pytest.mark.parametrize("counter", [INTENT, ORDER], ids=["stripe", "razorpay"])
async def test_nothing_is_refused_while_the_provider_signs_now_with_the_old_and_now_with_the_new_secret(
    make_till: MakeTill, street: Street, counter: Counter
) -> None:
    till = await make_till(webhooks=True, environ=accepting(street, ROLLING), secrets=ROLLING)
    rule = {"provider": counter.provider, "target": "webhook", "mode": "old_secret", "share": 0.5, "seed": 7}
    assert (await till.http.put("/sandbox/chaos", json=rule)).status_code == 200
    for _ in range(6):
        await counter.pay(till, await counter.open(till))

    async def all_paid() -> bool:
        await till.one.work_loops("apply facts")
        return len(await till.told("payment.succeeded")) == 6

    await till.until(all_paid, 20)
    [dial] = (await till.http.get("/sandbox/chaos")).json()
    assert 0 < dial["hits"] < dial["seen"]
    assert await answers(till) == {200}


@pytest.mark.parametrize("counter", [INTENT, ORDER], ids=["stripe", "razorpay"])
async def test_what_was_refused_before_the_new_secret_was_known_comes_again_and_pays(
    make_till: MakeTill, street: Street, counter: Counter
) -> None:
    till = await make_till(webhooks=True, environ=accepting(street, SECRETS), secrets=NEW)
    payment = await counter.open(till)
    await counter.pay(till, payment)

    async def refused() -> bool:
        return 400 in await answers(till)

    await till.until(refused)
    assert await till.rows("SELECT 1 FROM provider_events") == []
    url = plain_dsn(till.one.database.engine.url.render_as_string(hide_password=False))
    given = {"STRIPE_SECRET_KEY": KEY, "STRIPE_API_BASE": f"{street.url}/sandbox/stripe"}
    again = await one_service(build, MIGRATIONS, url, {**given, **accepting(street, ROLLING)})
    street.shop = again.service.app

    async def paid() -> bool:
        await again.work_loops("apply facts")
        return bool(await till.told("payment.succeeded"))

    await till.until(paid, 20)
    await again.close()
    assert len(await till.told("payment.succeeded")) == 1
