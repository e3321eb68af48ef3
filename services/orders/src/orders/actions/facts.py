"""An order as it appears in the facts orders tells."""

from common.contracts.orders import Line as LineFact
from common.money import Money
from orders.models import Order


def lines_of(order: Order) -> list[LineFact]:
    """Return the order's lines as facts carry them."""
    return [
        LineFact(
            line_id=line.id,
            product_id=line.product_id,
            kind=line.kind,
            name=line.name,
            quantity=line.quantity,
            unit_price=Money(line.unit_price, order.currency),
            image=line.image,
            variant_id=line.variant_id,
            licence=line.licence,
        )
        for line in order.lines
    ]
