"""One purchase in a running system is one trace, as a collector sees it, and tells nothing of who bought."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.serve import listening
from souk.client import Client
from souk.demo.shopper import Shopper
from souk.environment import Addresses
from souk.home import Home
from souk.machines.ports import free_port
from souk.onebox import one_process
from souk.seed import CUSTOMER

TRACE, PARENT = "c0ffee" + "0" * 25 + "1", "beef" * 4
TEMPO = {"SOUK_PACE": "10", "LOG_LEVEL": "ERROR", "ARGON2_PROFILE": "light"}


@dataclass
class Collector:
    """Takes spans by OTLP over HTTP; `spans` is what came, by service and name."""

    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.requests.append(ExportTraceServiceRequest.FromString(await request.body()))
        return Response()

    def of(self, trace: str) -> dict[bytes, tuple[str, Any]]:
        return {span.span_id: (service, span) for service, span in self._all() if span.trace_id.hex() == trace}

    def _all(self) -> Iterator[tuple[str, Any]]:
        for request in self.requests:
            for part in request.resource_spans:
                told = {pair.key: pair.value.string_value for pair in part.resource.attributes}
                for scope in part.scope_spans:
                    for span in scope.spans:
                        yield told["service.name"].removeprefix("souk-"), span


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    made, port = Collector(), free_port()
    app = Starlette(routes=[Route("/v1/traces", made.take, methods=["POST"])])
    async with listening(app, "127.0.0.1", port):
        yield made, f"http://127.0.0.1:{port}"


async def buy(where: Addresses) -> dict[str, Any]:
    """Buy a picture under a trace of the buyer's own, and return the order with the secrets that went by."""
    async with httpx2.AsyncClient(timeout=30) as http:
        buyer = await Client(http, where.public).login(*CUSTOMER[1:])
        shopper = Shopper(buyer, http, where.sandbox)
        [product, *_] = (await buyer.get("/products", params={"kind": "digital", "currency": "USD"}))["items"]
        body = {
            "items": [{"product_id": product["id"], "quantity": 1}],
            "payment": {"provider": "stripe", "flow": "intent"},
        }
        headers = {
            "Authorization": f"Bearer {buyer.token}",
            "Idempotency-Key": str(uuid4()),
            "Prefer": "wait=20",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
        }
        order: dict[str, Any] = (await http.post(f"{where.public}/api/v1/orders", json=body, headers=headers)).json()
        await shopper.tills.card(order)
        await shopper.until(order, "fulfilled")
        async with asyncio.timeout(20):
            while not (await buyer.get("/notifications"))["items"] or "sent" not in {
                mail["status"]
                for mail in (await buyer.get("/notifications"))["items"]
                if mail["template"] == "order_paid"
            }:
                await asyncio.sleep(0.1)
        return order | {"token": buyer.token}


async def test_a_purchase_is_one_trace_through_every_service(tmp_path: Path) -> None:
    home = Home(tmp_path).open()
    async with collecting() as (collector, url):
        given = {**TEMPO, "INTERNAL_PORT": str(free_port()), "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        async with one_process(home, given, free_port(), lambda _: None) as where:
            order = await buy(where)
        spans = collector.of(TRACE)
    chain = {(service, span.name): span for service, span in spans.values()}
    for service, name, parent in (
        ("catalog", "process order.created", "POST /api/v1/orders"),
        ("orders", "publish order.created", "POST /api/v1/orders"),
        ("orders", "process stock.reserved", "process order.created"),
        ("payments", "process order.payment_requested", "process stock.reserved"),
        ("payments", "open payment", "process order.payment_requested"),
        ("payments", "stripe open", "open payment"),
        ("orders", "process payment.opened", "open payment"),
        ("orders", "process payment.succeeded", "apply captured"),
        ("catalog", "process order.paid", "process payment.succeeded"),
        ("orders", "process delivery.granted", "process order.paid"),
        ("notifier", "process order.paid", "process payment.succeeded"),
        ("notifier", "send mail", "process order.paid"),
    ):
        assert spans[chain[service, name].parent_span_id][1].name == parent, (service, name)
    door = chain["orders", "POST /api/v1/orders"]
    assert door.parent_span_id.hex() == PARENT
    known = {*spans, bytes.fromhex(PARENT)}
    assert [name for (_, name), span in chain.items() if span.parent_span_id not in known] == []
    sql = {name for service, name in chain if service == "orders" and name.split()[0].isupper()}
    assert {"INSERT orders", "INSERT outbox", "COMMIT"} <= sql
    told = str([span for _, span in spans.values()])
    secrets = [*CUSTOMER, "Carla", order["token"], order["payment"]["client_secret"], order["items"][0]["name"]]
    assert [secret for secret in secrets if secret in told] == []
