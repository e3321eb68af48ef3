"""Who listens to what: read from the services' own routers."""

from common.broker import Hearer
from souk.services import EVENTS


def hearers() -> list[Hearer]:
    """Return what each service listens to."""
    return [Hearer(router.service, router.types) for router in EVENTS if router.types]
