"""Orders: made, repeated, refused, found again."""

import pytest
from razorpay.errors import BadRequestError

from sandbox.__main__ import parse, settings_from

BASIC = ("rzp_test_souk", "secret_of_souk")


async def test_an_order_is_made_and_found_again(till):
    order = await till.order(receipt="souk-1", notes={"order": "7"})
    assert (order["status"], order["amount_due"], order["attempts"]) == ("created", 5000, 0)
    assert await till.do(till.sdk.order.fetch, order["id"]) == order
    assert (await till.do(till.sdk.order.payments, order["id"])) == {"entity": "collection", "count": 0, "items": []}
    edited = await till.do(till.sdk.order.edit, order["id"], {"notes": {"order": "8"}})
    assert edited == order | {"notes": {"order": "8"}}


async def test_a_unique_receipt_makes_a_repetition_safe(till):
    first = await till.order(receipt="souk-1", unique_receipt=True)
    assert await till.order(receipt="souk-1", unique_receipt=True) == first
    with pytest.raises(BadRequestError, match="Order receipt should be unique"):
        await till.order(6000, receipt="souk-1", unique_receipt=True)
    assert (await till.order(receipt="souk-1"))["id"] != first["id"]
    assert len((await till.truth())["orders"]) == 2


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"amount": None}, "amount", "The amount field is required."),
        ({"amount": 50.5}, "amount", "The amount must be an integer."),
        ({"amount": True}, "amount", "The amount must be an integer."),
        ({"amount": 99}, "amount", "Order amount less than minimum amount allowed"),
        ({"amount": 10**12}, "amount", "Amount exceeds maximum amount allowed."),
        ({"amount": 12345, "currency": "KWD"}, "amount", "must end in 0"),
        ({"currency": "XXZ"}, "currency", "Currency is not supported"),
        ({"currency": 7}, "currency", "The currency must be a string."),
        ({"receipt": "r" * 41}, "receipt", "may not be greater than 40"),
        ({"unique_receipt": True}, "receipt", "The receipt field is required."),
        ({"notes": "x"}, "notes", "Notes should be provided as a dictionary"),
        ({"notes": {str(n): "v" for n in range(16)}}, "notes", "less than or equal to 15"),
        ({"notes": {"k": "v" * 257}}, "notes", "256"),
        ({"partial_payment": "perhaps"}, "partial_payment", "true or false"),
        ({"payment": "now"}, "payment", "array"),
        ({"payment": {"capture": "never"}}, "payment.capture", "invalid"),
        ({"colour": "red"}, "colour", "colour is/are not required and should not be sent"),
    ],
)
async def test_what_an_order_cannot_be_is_refused_by_field(till, body, field, words):
    given = {"amount": 5000, "currency": "INR", **body}
    answer = await till.world.http.post("/sandbox/razorpay/v1/orders", json=given, auth=BASIC)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, "BAD_REQUEST_ERROR", field)
    assert words in error["description"]
    assert (await till.truth())["orders"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "orders/order_none", b"", "is not a valid id"),
        ("GET", "orders/order_12345678901234", b"", "The id provided does not exist"),
        ("GET", "orders/a/b/c/d", b"", "The requested URL was not found"),
        ("DELETE", "orders", b"", "The requested URL was not found"),
        ("GET", "orders?count=101", b"", "The count"),
        ("GET", "orders?skip=-1", b"", "The skip"),
        ("POST", "orders", b"{", "not readable"),
        ("POST", "orders", b"[]", "must be an object"),
    ],
)
async def test_requests_that_make_no_sense_are_refused(till, method, path, body, words):
    headers = {"content-type": "application/json"}
    url = f"/sandbox/razorpay/v1/{path}"
    answer = await till.world.http.request(method, url, content=body, auth=BASIC, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["description"]


async def test_lists_are_newest_first_and_narrowed(till):
    made = [await till.order(receipt=f"r{n}") for n in range(3)]
    everything = await till.do(till.sdk.order.all)
    assert [order["id"] for order in everything["items"]] == [order["id"] for order in reversed(made)]
    second = await till.do(till.sdk.order.all, {"count": 1, "skip": 1})
    assert (second["count"], second["items"][0]["id"]) == (1, made[1]["id"])
    assert (await till.do(till.sdk.order.all, {"receipt": "r0"}))["items"] == [made[0]]
    long_ago = {"from": 1, "to": 2}
    assert (await till.do(till.sdk.order.all, long_ago))["count"] == 0


async def test_orders_are_listed_with_their_payments_and_by_them(till):
    held = await till.paid("4100289900010000")
    await till.order()
    listed = (await till.do(till.sdk.order.all, {"authorized": 1, "expand[]": "payments"}))["items"]
    assert [order["payments"]["items"] for order in listed] == [[held]]
    assert (await till.do(till.sdk.order.all, {"authorized": 0}))["count"] == 1


async def test_forms_are_understood_as_well_as_json(till):
    form = {"amount": "5000", "currency": "INR", "payment_capture": "0"}
    answer = await till.world.http.post("/sandbox/razorpay/v1/orders", data=form, auth=BASIC)
    assert answer.json()["amount"] == 5000


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("sk_test_x", "secret"), "The api key provided is invalid"),
        (("rzp_live_x", "secret"), "The api key provided is invalid"),
        (("rzp_test_x", ""), "Authentication failed"),
    ],
)
async def test_only_test_keys_may_call(till, key, words):
    answer = await till.world.http.get("/sandbox/razorpay/v1/orders", auth=key)
    assert answer.status_code == 401
    assert answer.json()["error"]["description"] == words


@pytest.mark.parametrize("header", [{}, {"authorization": "Basic ???"}, {"authorization": "basic cnpwX3Rlc3RfeDp5"}])
async def test_the_header_must_be_written_as_documented(till, header):
    answer = await till.world.http.get("/sandbox/razorpay/v1/orders", headers=header)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "BAD_REQUEST_ERROR")


def test_the_command_line_names_the_key(tmp_path):
    given = settings_from(parse(["--state", str(tmp_path / "sandbox.db"), "--key", "razorpay=rzp_test_mine:right"]))
    assert given.api_keys == {"razorpay": "rzp_test_mine:right"}


async def test_the_configured_key_needs_its_own_secret(tmp_path, open_till):
    keys = {"razorpay": "rzp_test_mine:right"}
    async with open_till(tmp_path / "sandbox.db", api_keys=keys) as world:
        statuses = [
            (await world.http.get("/sandbox/razorpay/v1/orders", auth=key)).status_code
            for key in (("rzp_test_mine", "right"), ("rzp_test_mine", "wrong"), ("rzp_test_other", "any"))
        ]
    assert statuses == [200, 401, 200]
