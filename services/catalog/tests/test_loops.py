from datetime import timedelta

import structlog

from common.db import fetch, now


async def test_overdue_reservations_raise_an_alarm_and_stay(shop, order):
    mug = await shop.product(stock=5)
    async with shop.one.database.transaction() as session:
        await fetch(session, "UPDATE product_prices SET valid_from = valid_from - interval '1 day'")
    late, fresh = order((mug, 1), created_at=now() - timedelta(minutes=91)), order((mug, 1))
    await shop.one.hear(fresh.created())
    with structlog.testing.capture_logs() as logs:
        await shop.one.work_loops("overdue reservations")
    assert logs == []
    await shop.one.hear(late.created())
    with structlog.testing.capture_logs() as logs:
        await shop.one.work_loops("overdue reservations")
    assert [(line["log_level"], line["orders"]) for line in logs] == [("error", [str(late.id)])]
    assert (await shop.show(mug))["stock"] == 3
