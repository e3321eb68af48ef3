"""How a service speaks: `emit` writes a fact beside the change it tells of, the relay publishes it."""

from common.outbox.emit import emit
from common.outbox.relay import Relay

__all__ = ["Relay", "emit"]
