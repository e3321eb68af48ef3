"""What an operator sets stands around every route of a service."""

SHOP = "https://shop.example.com"


async def test_a_service_counts_as_it_is_told(start):
    auth = await start(RATE_LIMIT_PER_MINUTE="3", RATE_LIMITS='{"users": 1}')
    answers = [await auth.log_in("nobody@example.com") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert (answers[-1].json()["code"], answers[-1].headers["ratelimit-limit"]) == ("rate_limited", "3")
    assert [(await auth.client.get("/users/me")).status_code for _ in range(2)] == [401, 429]
    assert [(await auth.client.get("/auth/jwks")).status_code for _ in range(5)] == [200] * 5


async def test_users_are_counted_one_by_one(start):
    auth = await start(RATE_LIMITS='{"users": 2}')
    ann, bob = [{"Authorization": f"Bearer {(await _tokens(auth))['access_token']}"} for _ in range(2)]
    for headers in (ann, bob):
        answers = [await auth.client.get("/users/me", headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_a_service_answers_to_its_names_and_its_pages(start):
    auth = await start(ALLOWED_HOSTS="test", CORS_ORIGINS=SHOP)
    answer = await auth.client.get("/auth/jwks", headers={"Origin": SHOP})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SHOP)
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    assert (await auth.client.options("/auth/login", headers=asked)).status_code == 204
    assert (await auth.client.get("/users/me", headers={"Host": "evil.example"})).status_code == 421


async def _tokens(auth):
    return await auth.tokens((await auth.register())["email"])
