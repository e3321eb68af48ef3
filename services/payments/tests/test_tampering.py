"""A provider that names another amount, currency or order pays nothing, by whichever of the three ways it was paid."""

import pytest

from .conftest import MakeTill, Street, Till
from .counters import CHECKOUT, COUNTERS, INTENT, Counter, both_providers


@pytest.fixture(params=COUNTERS.values(), ids=COUNTERS.keys())
def counter(request: pytest.FixtureRequest) -> Counter:
    found: Counter = request.param
    return found


@pytest.fixture
async def till(make_till: MakeTill, street: Street) -> Till:
    return await make_till(environ=both_providers(street))


@pytest.mark.parametrize("variant", ["amount", "currency"])
async def test_another_amount_is_never_paid_and_goes_back_by_itself_once(till, counter, variant) -> None:
    payment = await counter.open(till)
    await counter.pay(till, payment)
    await counter.chaos(till, "tamper", *counter.telling, variant=variant)
    await till.poll()
    await till.again("close payments")
    await till.behave()
    assert (await till.payment(payment["payment_id"]))["status"] == "mismatched"
    told = (await till.told("payment.mismatched"))[0]
    assert told["expected"] == payment["amount"]
    assert told["found"] != told["expected"]
    for _ in range(2):  # and the truth, which comes later by the list, changes nothing any more
        await till.again(f"list {counter.provider} events", "provider_cursors")
        await till.again("apply facts", "provider_events")
        for table in ("payments", "refunds"):
            await till.let_time_pass(table)
        await till.one.work_loops()
    assert await till.told("payment.succeeded", "payment.surplus") == []
    assert [refund["amount"] for refund in await counter.refunds(till)] == [2599]
    assert [fact["capture"] for fact in await till.told("refund.succeeded")] == ["mismatched"]


@pytest.mark.parametrize("variant", ["amount", "currency"])
async def test_a_lie_at_opening_keeps_what_it_takes_to_pay_from_the_buyer(till, counter, variant) -> None:
    await counter.chaos(till, "tamper", counter.opening, variant=variant)
    await till.one.hear(till.request(provider=counter.provider, flow=counter.flow, currency=counter.currency))
    for _ in range(3):
        await till.one.work_loops()
    assert await till.told("payment.opened", "payment.succeeded") == []
    assert len(await till.told("payment.mismatched")) == 1
    truth = await counter.truth(till)
    if counter.provider == "stripe":
        [thing] = truth["payment_intents"] if counter.flow == "intent" else truth["checkout_sessions"]
        assert thing["status"] in {"canceled", "expired"}


@pytest.mark.parametrize("counter", [INTENT, CHECKOUT], ids=lambda counter: counter.flow)
async def test_an_answer_that_names_another_order_teaches_nothing(till, counter) -> None:
    payment = await counter.open(till)
    await counter.pay(till, payment)
    await counter.chaos(till, "tamper", *counter.telling, variant="metadata")
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "open"
    await till.behave()
    await till.poll()
    assert (await till.payment(payment["payment_id"]))["status"] == "succeeded"


async def test_the_money_of_one_order_is_never_anothers(till, counter, street) -> None:
    """The provider answers for one payment with what it knows of another, which has been paid."""
    paid, unpaid = await counter.open(till), await counter.open(till)
    await counter.pay(till, paid)
    sandbox = street.sandbox

    async def swapped(scope, receive, send) -> None:
        path = scope["path"].replace(unpaid["provider_ref"], paid["provider_ref"])
        await sandbox({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    street.sandbox = swapped
    await till.poll()
    assert (await till.payment(unpaid["payment_id"]))["status"] == "open"
    street.sandbox = sandbox
    await till.poll()
    assert (await till.payment(unpaid["payment_id"]))["status"] == "open"
    assert [fact["payment_id"] for fact in await till.told("payment.succeeded")] == [paid["payment_id"]]
    assert await till.rows("SELECT payment_id::text FROM captures") == [{"payment_id": paid["payment_id"]}]


async def test_an_event_whose_body_was_changed_on_its_way_pays_nothing_and_its_repetition_does(
    make_till, street, counter
) -> None:
    till = await make_till(webhooks=True, environ=both_providers(street))
    payment = await counter.open(till)
    rule = {"target": "webhook", "provider": counter.provider, "mode": "tamper", "count": 3}
    assert (await till.http.put("/sandbox/chaos", json=rule)).status_code == 200
    await counter.pay(till, payment)

    async def paid() -> bool:
        await till.one.work_loops("apply facts")
        return bool(await till.told("payment.succeeded"))

    await till.until(paid, 15)
    assert (await till.http.get("/sandbox/chaos")).json()[0]["hits"] == 3
    assert len(await till.told("payment.succeeded")) == 1
    assert await till.told("payment.mismatched", "payment.surplus") == []
