"""The part of the Postman collection that is written by hand: a buyer who registers, orders, pays and downloads."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

Item = dict[str, Any]
_PASSWORD: Final = "a-rather-long-password"  # noqa: S105 - of buyers that are made up
_POLL: Final = """
const order = pm.response.json();
const tries = Number(pm.collectionVariables.get("tries") || 0) + 1;
pm.collectionVariables.set("tries", tries);
if (["pending", "awaiting_payment", "paid"].includes(order.status) && tries < 60) {
    setTimeout(() => {}, 500);
    pm.execution.setNextRequest(pm.info.requestName);
} else {
    pm.collectionVariables.unset("tries");
    pm.test("fulfilled", () => pm.expect(order.status).to.equal("fulfilled"));
    pm.test("the money is here", () => pm.expect(order.payment_status).to.equal("succeeded"));
}"""


def purchase() -> Item:
    """Return the folder whose requests, in order, are a purchase."""
    return {
        "name": "A purchase",
        "description": "Run the folder as a whole: each request remembers what the next one needs.",
        "item": [*_at_the_door(), *_buying(), *_afterwards()],
    }


def signing_in() -> Item:
    """Return the folder that signs in who acts in the folders of all operations."""
    body = {"email": "{{staff_email}}", "password": "{{staff_password}}"}
    asked = _request("POST", "/api/v1/auth/login", body=body, auth="noauth")
    told = [*_is(200), 'pm.collectionVariables.set("staff_token", pm.response.json().access_token);']
    return {"name": "Sign in as staff", "item": [scripted({"name": "Sign in", "request": asked}, test=told)]}


def _at_the_door() -> Sequence[Item]:
    register = {"name": "Ada Lovelace", "email": "buyer-{{$guid}}@example.com", "password": _PASSWORD}
    login = {"email": "{{buyer_email}}", "password": _PASSWORD}
    return [
        _step("Register a buyer", _request("POST", "/api/v1/auth/register", body=register, auth="noauth"), 201, (
            'pm.collectionVariables.set("buyer_email", pm.response.json().email);',
            'pm.collectionVariables.set("user_id", pm.response.json().id);',
        )),
        _step("Log in", _request("POST", "/api/v1/auth/login", body=login, auth="noauth"), 200, (
            'pm.collectionVariables.set("token", pm.response.json().access_token);',
            'pm.collectionVariables.set("refresh_token", pm.response.json().refresh_token);',
        )),
        _step("Browse", _request("GET", "/api/v1/products?kind=digital&currency=USD", auth="noauth"), 200, (
            "const product = pm.response.json().items.find(item => item.price.amount >= 100);",
            'pm.test("something is for sale", () => pm.expect(product).to.be.an("object"));',
            'pm.collectionVariables.set("bought_product_id", product.id);',
        )),
    ]  # fmt: skip


def _buying() -> Sequence[Item]:
    order = {
        "items": [{"product_id": "{{bought_product_id}}", "quantity": 1}],
        "payment": {"provider": "stripe", "flow": "intent"},
    }
    headers = {"Idempotency-Key": "{{$guid}}", "Prefer": "wait=10"}
    return [
        _step("Order", _request("POST", "/api/v1/orders", body=order, headers=headers), 201, (
            "const order = pm.response.json();",
            'pm.test("it can be paid", () => pm.expect(order.payment.client_secret).to.be.a("string"));',
            'pm.collectionVariables.set("bought_order_id", order.id);',
            'pm.collectionVariables.set("payment_id", order.payment.id);',
            'pm.collectionVariables.set("intent", order.payment.client_secret.split("_secret_")[0]);',
        )),
        _step("Pay in the sandbox, as the buyer's browser does at Stripe", _confirmation(), 200, (
            'pm.test("the card is taken", () => pm.expect(pm.response.json().status).to.equal("succeeded"));',
        )),
        _step("Wait until it is fulfilled", _request("GET", "/api/v1/orders/{{bought_order_id}}"), 200,
              _POLL.strip().splitlines()),
    ]  # fmt: skip


def _afterwards() -> Sequence[Item]:
    mine = 'pm.response.json().items.find(item => item.order_id === pm.collectionVariables.get("bought_order_id"))'
    return [
        _step("The payment", _request("GET", "/api/v1/payments/{{payment_id}}"), 200, (
            'pm.test("one capture", () => pm.expect(pm.response.json().captures).to.have.lengthOf(1));',
        )),
        _step("My downloads", _request("GET", "/api/v1/downloads"), 200, (
            f"const grant = {mine};",
            'pm.test("what was bought may be downloaded", () => pm.expect(grant).to.be.an("object"));',
            'pm.collectionVariables.set("download_id", grant.id);',
        )),
        _step("My mails", _request("GET", "/api/v1/notifications"), 200, ()),
    ]  # fmt: skip


def _confirmation() -> Item:
    return {
        "method": "POST",
        "url": asking("/stripe/v1/payment_intents/{{intent}}/confirm", "{{sandbox_url}}"),
        "header": [],
        "auth": {"type": "basic", "basic": [{"key": "username", "value": "sk_test_me", "type": "string"}]},
        "body": {"mode": "urlencoded", "urlencoded": [{"key": "payment_method", "value": "pm_card_visa"}]},
    }


def _step(name: str, request: Item, status: int, told: Sequence[str]) -> Item:
    return scripted({"name": name, "request": request}, test=[*_is(status), *told])


def _request(
    method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None, auth: str | None = None
) -> Item:
    request: Item = {"method": method, "url": asking(path)}
    request["header"] = [{"key": key, "value": value} for key, value in (headers or {}).items()]
    if auth:
        request["auth"] = {"type": auth}
    if body is not None:
        text = json.dumps(body, indent=2)
        request["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
        request["header"].append({"key": "Content-Type", "value": "application/json"})
    return request


def asking(path: str, base: str = "{{base_url}}") -> Item:
    """Return an address in Postman's form."""
    place, _, query = path.partition("?")
    asked = [pair.split("=") for pair in query.split("&")] if query else []
    return {
        "raw": f"{base}{path}",
        "host": [base],
        "path": place.strip("/").split("/"),
        "query": [{"key": key, "value": value} for key, value in asked],
    }


def scripted(item: Item, *, test: Sequence[str]) -> Item:
    """Return a request with what is tested of its answer."""
    return item | {"event": [{"listen": "test", "script": {"type": "text/javascript", "exec": list(test)}}]}


def _is(status: int) -> Sequence[str]:
    return [f'pm.test("{status}", () => pm.response.to.have.status({status}));']
