"""What catalog measures: stock that is set aside for orders whose end never came."""

from collections.abc import Sequence

from prometheus_client import Gauge
from prometheus_client.registry import Collector


class Meters:
    """Catalog's own metrics: they are in nobody's registry until the service is put together."""

    def __init__(self) -> None:
        self.overdue = Gauge("souk_reservations_overdue", "Reservations long past their order's time", registry=None)

    @property
    def collectors(self) -> Sequence[Collector]:
        """All of them, for the service's registry."""
        return (self.overdue,)
