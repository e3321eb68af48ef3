import pytest

from common.events import new_id

BODY = {"kind": "physical", "name": "A mug", "price": {"amount": 1000, "currency": "USD"}}


def keyed(headers):
    return headers | {"Idempotency-Key": str(new_id())}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "credits"}, "#/kind"),
        ({"kind": "pass"}, "#/kind"),
        ({"name": ""}, "#/name"),
        ({"name": "   "}, "#/name"),
        ({"name": "\u200b"}, "#/name"),
        ({"name": "a\u202eb"}, "#/name"),
        ({"name": "a\r\nb"}, "#/name"),
        ({"name": "\u00e9" * 201}, "#/name"),
        ({"price": {"amount": -1, "currency": "USD"}}, "#/price/amount"),
        ({"price": {"amount": 10**12 + 1, "currency": "USD"}}, "#/price/amount"),
        ({"price": {"amount": 9.5, "currency": "USD"}}, "#/price/amount"),
        ({"price": {"amount": 9.0, "currency": "USD"}}, "#/price/amount"),
        ({"price": {"amount": "9", "currency": "USD"}}, "#/price/amount"),
        ({"price": {"amount": True, "currency": "USD"}}, "#/price/amount"),
        ({"price": {"amount": 9, "currency": "usd"}}, "#/price/currency"),
        ({"price": {"amount": 9, "currency": "X" * 3}}, "#/price/currency"),
        ({"price": {"amount": 9, "currency": ""}}, "#/price/currency"),
        ({"price": {"amount": 9}}, "#/price/currency"),
        ({"stock": -1}, "#/stock"),
        ({"stock": 1.0}, "#/stock"),
        ({"stock": "5"}, "#/stock"),
        ({"stock": True}, "#/stock"),
        ({"stock": 2**63}, "#/stock"),
        ({"seller_id": str(new_id())}, "#/seller_id"),
        ({"active": False}, "#/active"),
        ({"metadata": {"a": 1}}, "#/metadata/a"),
        ({"images": ["javascript:alert(1)"]}, "#/images/0"),
        ({"images": ["https://good.example@evil.example/x"]}, "#/images/0"),
        ({"tags": ["x"] * 31}, "#/tags"),
    ],
)
async def test_bad_products_are_refused(stall, change, pointer):
    answer = await stall.client.post("/products", json=BODY | change, headers=stall.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await stall.client.get(f"/products?seller={stall.seller}")).json()["items"] == []


async def test_text_is_kept_as_written_but_in_one_normal_form(stall):
    emoji = "\U0001f469\u200d\U0001f680 <script>{{7*7}}' OR 1=1 =cmd()"
    made = await stall.product(name="Cafe\u0301", description=emoji)
    assert (made["name"], made["description"]) == ("Caf\u00e9", emoji)


async def test_a_megabyte_is_too_much(stall):
    answer = await stall.client.post("/products", json=BODY | {"name": "x" * 2**20}, headers=stall.headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "query",
    [
        *(f"limit={limit}" for limit in ("-1", "0", "101", str(10**20), "1_0", "%2B5", "5.0", "", "0x10", "%D9%A5")),
        *("sort=price", "kind=PHYSICAL", "seller=me", "cursor=", "cursor=AAAA", "cursor=%00", "limit=1&limit=2"),
    ],
)
async def test_odd_parameters_are_refused(stall, query):
    answer = await stall.client.get(f"/products?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_a_cursor_fits_its_own_list_only(stall):
    for _ in range(2):
        await stall.product(category="Art")
    cursor = (await stall.client.get("/products?limit=1")).json()["next_cursor"]
    forged = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for query in (f"category=Art&cursor={cursor}", f"cursor={cursor[:-2]}", f"cursor={forged}"):
        answer = await stall.client.get(f"/products?limit=1&{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), query


@pytest.mark.parametrize("shape", ["{}", "{{{}}}", "urn:uuid:{}", "{}x"])
async def test_an_id_has_one_way_to_be_written(stall, shape):
    made = await stall.product()
    for written in (shape.format(made["id"].upper()), shape.format(made["id"].replace("-", ""))):
        assert (await stall.client.get(f"/products/{written}")).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"name": None}, {"price": None}, {"kind": "digital"}, {"stock": 5}, {"active": True}, {"version": 9}],
)
async def test_what_cannot_be_changed_is_refused(stall, changes):
    made = await stall.product()
    answer = await stall.client.patch(f"/products/{made['id']}", json=changes, headers=stall.headers)
    assert answer.status_code == 422


async def test_a_bad_token_is_not_taken_for_a_visitor(stall):
    made = await stall.product()
    answer = await stall.client.get(f"/products/{made['id']}", headers={"Authorization": "Bearer x.y.z"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        *({"delta": delta, "reason": "x"} for delta in (0, 1.5, "5", True, 5.0, 2**31, -(2**63))),
        *({"delta": 1, "reason": reason} for reason in ("", " ", "x" * 201, "a\nb")),
        *({"delta": 1}, {"reason": "x"}, {"delta": 1, "reason": "x", "on_hand": 9}),
    ],
)
async def test_odd_counts_are_refused(stall, body):
    mug = await stall.product(stock=5)
    answer = await stall.client.post(f"/products/{mug['id']}/stock", json=body, headers=keyed(stall.headers))
    assert answer.status_code == 422
    assert (await stall.show(mug))["stock"] == 5


async def test_counting_needs_a_key(stall):
    mug = await stall.product(stock=5)
    body = {"delta": 1, "reason": "x"}
    answer = await stall.client.post(f"/products/{mug['id']}/stock", json=body, headers=stall.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
