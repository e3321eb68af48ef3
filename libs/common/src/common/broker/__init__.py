"""The wire between services, two ways: RabbitMQ and in-process. The only place that knows AMQP."""

from common.broker.inprocess import InProcessWire
from common.broker.rabbit import RabbitWire
from common.broker.topology import Hearer, TopologyMismatch, apply_topology, verify_topology
from common.broker.wire import Delivery, Message, NotConfirmed, Sink, Unroutable, Wire

__all__ = [
    "Delivery",
    "Hearer",
    "InProcessWire",
    "Message",
    "NotConfirmed",
    "RabbitWire",
    "Sink",
    "TopologyMismatch",
    "Unroutable",
    "Wire",
    "apply_topology",
    "verify_topology",
]
