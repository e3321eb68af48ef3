"""How a service speaks: `emit` writes a fact beside the change it tells of, the relay publishes it."""

from common.outbox.emit import emit
from common.outbox.relay import Relay
from common.outbox.shards import Relays

__all__ = ["Relay", "Relays", "emit"]
