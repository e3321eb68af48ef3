import asyncio


async def at_once(limit, *jobs):
    """Run jobs side by side, as many as a service has hands."""
    hands = asyncio.Semaphore(limit)

    async def one(job):
        async with hands:
            await job

    await asyncio.gather(*(one(job) for job in jobs))


async def test_of_500_buyers_of_7_mugs_exactly_7_get_one(shop, order):
    mug = await shop.product(stock=7)
    await at_once(12, *(shop.one.hear(order((mug, 1)).created()) for _ in range(500)))
    told = [kind for kind, _ in await shop.told("stock.reserved", "stock.rejected")]
    assert (told.count("stock.reserved"), told.count("stock.rejected")) == (7, 493)
    assert (await shop.show(mug))["stock"] == 0
    assert await shop.one.inbox_rows("waiting") == []
    await shop.check_books()


async def test_carts_in_opposite_order_do_not_wait_for_each_other(shop, order):
    products = [await shop.product(stock=1000) for _ in range(4)]
    carts = [order(*((product, 1) for product in products[:: 1 if n % 2 else -1])) for n in range(60)]
    await at_once(12, *(shop.one.hear(cart.created()) for cart in carts))
    ends = [shop.one.hear(cart.paid() if n % 3 else cart.expired()) for n, cart in enumerate(carts)]
    await at_once(12, *ends)
    assert await shop.one.inbox_rows("waiting") == []
    deadlocks = await shop.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == [{"deadlocks": 0}]
    assert [(await shop.show(product))["stock"] for product in products] == [960] * 4
    await shop.check_books()


async def test_an_end_and_a_payment_that_race_leave_the_books_right(shop, order):
    mug, picture = await shop.product(stock=30), await shop.product(kind="digital")
    carts = [order((mug, 1), (picture, 1)) for _ in range(30)]
    await shop.one.hear(*(cart.created() for cart in carts))
    await at_once(12, *(shop.one.hear(fact) for cart in carts for fact in (cart.expired(), cart.paid())))
    assert await shop.sql("SELECT status, count(*) FROM holdings GROUP BY 1") == [{"status": "sold", "count": 30}]
    assert (await shop.show(mug))["stock"] == 0
    await shop.check_books()


async def test_batches_of_two_workers_that_cross_lose_nothing(shop, order):
    products = [await shop.product(stock=40) for _ in range(3)]
    batches = [[order((product, 1)) for product in products[:: 1 if n % 2 else -1]] for n in range(8)]
    await at_once(4, *(shop.one.hear(*(made.created() for made in batch)) for batch in batches))
    await shop.one.work_waiting()
    assert await shop.one.inbox_rows("waiting") == await shop.one.inbox_rows("parked") == []
    assert [(await shop.show(product))["stock"] for product in products] == [32] * 3
    assert len(await shop.told("stock.reserved")) == 24
    await shop.check_books()


async def test_an_order_of_many_lines_takes_no_more_statements_than_one_of_two(shop, order, counted):
    products = [await shop.product(stock=100, kind="digital") for _ in range(30)]
    counts = {}
    async with counted(shop.one) as seen:
        await shop.one.hear(order((products[0], 1)).created())
        for size in (2, 30):
            made = order(*((product, 1) for product in products[:size]))
            for fact in (made.created(), made.paid(), made.refunded(whole=True)):
                seen.clear()
                await shop.one.hear(fact)
                counts.setdefault(fact.wire, []).append(len(seen))
            ended = order(*((product, 1) for product in products[:size]))
            await shop.one.hear(ended.created())
            seen.clear()
            await shop.one.hear(ended.expired())
            counts.setdefault("order.expired", []).append(len(seen))
    assert all(few == many > 0 for few, many in counts.values()), counts
    assert counts["order.created"][0] <= 7
    assert max(few for few, _ in counts.values()) <= 12
