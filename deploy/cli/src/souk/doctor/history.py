"""Every change of a status has its record, and every record its event: no ghost, no zombie."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from souk.doctor.checks import Visit, check


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine, where its history is kept, and which event (or one of which) tells of each status.

    `columns` of `steps` are the thing's id, the old status and the new one; `owner` is the thing's table, with its id
    and status. `silent` events may come without a step, `dense` says that steps are numbered without gaps, and `born`
    is the status before the first step.
    """

    service: str
    steps: str
    columns: tuple[str, str, str]
    owner: tuple[str, str, str]
    tells: Mapping[str, str]
    silent: frozenset[str] = frozenset()
    dense: bool = True
    born: str | None = None

    def sql(self, text: str) -> str:
        """Return a query over this machine's own tables."""
        (key, came, went), (table, id_, status) = self.columns, self.owner
        return text.format(steps=self.steps, key=key, came=came, went=went, table=table, id=id_, status=status)


_CATALOG: Final = ("aggregate_id", "from_status", "to_status")
MACHINES: Final = (
    Machine(
        "orders",
        "order_transitions",
        ("order_id", "came_from", "went_to"),
        ("orders", "id", "a.status"),
        {
            "pending": "order.created",
            "awaiting_payment": "order.payment_requested",
            "paid": "order.paid",
            "fulfilled": "order.fulfilled",
            "rejected": "order.rejected",
            "closing": "order.closing",
            "expired": "order.expired",
            "cancelled": "order.cancelled",
            "refunded": "order.refunded",
        },
        silent=frozenset({"order.refunded"}),  # money given back for an order that had ended unpaid moves it no more
    ),
    Machine(
        "payments",
        "payment_transitions",
        ("payment_id", "came_from", "went_to"),
        ("payments", "id", "a.status"),
        {
            "processing": "payment.processing",
            "authorized": "payment.processing",
            "succeeded": "payment.succeeded payment.surplus",
            "failed": "payment.failed",
            "cancelled": "payment.cancelled",
            "superseded": "payment.cancelled",
            "mismatched": "payment.mismatched",
        },
    ),
    Machine(
        "payments",
        "refund_transitions",
        ("refund_id", "came_from", "went_to"),
        ("refunds", "id", "a.status"),
        {"succeeded": "refund.succeeded", "failed": "refund.failed"},
        born="intended",
    ),
    Machine(
        "catalog",
        "holding_transitions",
        _CATALOG,
        ("holdings", "order_id", "a.status"),
        {
            "active": "stock.reserved",
            "rejected": "stock.rejected",
            "released": "stock.released",
            "refused": "stock.rejected",
        },
    ),
    Machine(
        "catalog",
        "grant_transitions",
        _CATALOG,
        ("grants", "id", "a.status"),
        {"granted": "delivery.granted", "revoked": "delivery.revoked"},
    ),
    Machine(
        "catalog",
        "product_transitions",
        _CATALOG,
        ("products", "id", "a.status"),
        {
            "draft": "product.created product.updated",
            "active": "product.created product.updated",
            "archived": "product.archived",
        },
        silent=frozenset({"product.updated"}),
        dense=False,
    ),
    Machine("catalog", "asset_transitions", _CATALOG, ("assets", "id", "a.status"), {"ready": "asset.registered"}),
    Machine(
        "notifier",
        "notification_transitions",
        ("notification_id", '"from"', '"to"'),
        ("notifications", "id", "a.status"),
        {"sent": "email.sent", "rejected": "email.rejected"},
    ),
)

_UNTOLD: Final = """
SELECT t.{key} AS id FROM {steps} t LEFT JOIN outbox o ON o.id = t.event_id AND o.type = t.event_type
WHERE t.event_id IS NOT NULL AND o.id IS NULL
"""
_UNDECLARED: Final = """
SELECT t.{key} AS id FROM {steps} t JOIN unnest($1::text[], $2::text[]) AS d (status, types) ON d.status = t.{went}
WHERE t.{came} IS DISTINCT FROM t.{went}
    AND (t.event_id IS NULL OR (t.event_type = ANY(string_to_array(d.types, ' '))) IS NOT TRUE)
"""
_GHOSTS: Final = """
SELECT o.id FROM outbox o WHERE o.type = ANY($1::text[])
    AND NOT EXISTS (SELECT FROM {steps} t WHERE t.event_id = o.id)
"""
_ELSEWHERE: Final = """
SELECT a.{id} AS id FROM {table} a LEFT JOIN LATERAL (
    SELECT t.{went} AS status FROM {steps} t WHERE t.{key} = a.{id} ORDER BY t.version DESC LIMIT 1
) last ON true WHERE coalesce(last.status, $1::text) IS DISTINCT FROM {status}
"""
_BROKEN: Final = """
SELECT DISTINCT h.id FROM (
    SELECT t.{key} AS id, t.version, t.{came} AS came, lag(t.{went}) OVER steps AS before,
        row_number() OVER steps AS place
    FROM {steps} t WINDOW steps AS (PARTITION BY t.{key} ORDER BY t.version)
) h WHERE (h.place > 1 AND h.came IS DISTINCT FROM h.before) OR ($1 AND h.version <> h.place)
"""


async def _check_machine(visit: Visit, machine: Machine) -> None:
    service, statuses, types = machine.service, list(machine.tells), list(machine.tells.values())
    await visit.saw(service, machine.steps)
    name = machine.owner[0]
    await visit.accuse(service, machine.sql(_UNTOLD), f"{name}: a step names an event that is not in the outbox.")
    await visit.accuse(
        service, machine.sql(_UNDECLARED), f"{name}: a step tells not the event it must.", statuses, types
    )
    told = sorted({type_ for each in types for type_ in each.split()} - machine.silent)
    await visit.accuse(service, machine.sql(_GHOSTS), f"{name}: this event tells of a step that was never made.", told)
    await visit.accuse(
        service, machine.sql(_ELSEWHERE), f"{name}: the status is not what the last step says.", machine.born
    )
    await visit.accuse(service, machine.sql(_BROKEN), f"{name}: a step is missing in the history.", machine.dense)


def _of(service: str) -> tuple[Machine, ...]:
    return tuple(machine for machine in MACHINES if machine.service == service)


@check("I10 orders: steps and events", "orders")
async def order_steps(visit: Visit) -> None:
    """Every move of an order has its event, and every such event its move."""
    for machine in _of("orders"):
        await _check_machine(visit, machine)


@check("I10 payments: steps and events", "payments")
async def payment_steps(visit: Visit) -> None:
    """Every move of a payment or a refund has its event, and every such event its move."""
    for machine in _of("payments"):
        await _check_machine(visit, machine)


@check("I10 catalog: steps and events", "catalog")
async def catalog_steps(visit: Visit) -> None:
    """Every move of a holding, a grant, a product or a file has its event, and every such event its move."""
    for machine in _of("catalog"):
        await _check_machine(visit, machine)


@check("I10 notifier: steps and events", "notifier")
async def mail_steps(visit: Visit) -> None:
    """Every end of a mail has its event, and every such event its mail."""
    for machine in _of("notifier"):
        await _check_machine(visit, machine)


CHECKS: Final = (order_steps, payment_steps, catalog_steps, mail_steps)
