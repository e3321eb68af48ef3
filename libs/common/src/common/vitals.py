"""What a running service shows of itself: gauges asked anew at every look, and details beside its readiness."""

from functools import partial

from sqlalchemy import QueuePool

from common.broker.topology import queue_name
from common.events import Lane
from common.service import Service


def show(service: Service) -> None:
    """Have the service's vital gauges tell how it is whenever somebody looks."""
    vitals = service.metrics.vitals
    vitals.ready.set_function(lambda: not service.problems())
    vitals.dead_workers.set_function(lambda: len(service.dead()))
    vitals.relay_leading.set_function(lambda: _leads(service))
    for lane in service.lanes:
        queue = queue_name(service.name, lane)
        vitals.consumers.labels(queue).set_function(partial(service.wire.alive, service.name, lane))
        vitals.queue_ready.labels(queue).set_function(partial(_ready, service, lane))
    pool = service.database.engine.sync_engine.pool
    if isinstance(pool, QueuePool):
        vitals.pool_size.set_function(pool.size)
        vitals.pool_used.set_function(pool.checkedout)


def details(service: Service) -> dict[str, object]:
    """Return how each worker and each lane is, for people who wonder why it is not ready."""
    lanes = {
        lane: {"consumed": service.wire.alive(service.name, lane), "ready": service.wire.ready(service.name, lane)}
        for lane in service.lanes
    }
    workers = {
        name.removeprefix(f"{service.name} "): "running" if alive else "died" for name, alive in service.workers.items()
    }
    return {"role": service.settings.role, "leads": _leads(service), "workers": workers, "lanes": lanes}


def _leads(service: Service) -> bool:
    return service.relay is not None and service.relay.leading


def _ready(service: Service, lane: Lane) -> float:
    ready = service.wire.ready(service.name, lane)
    return float("nan") if ready is None else ready
