"""The gateway: one route table, answered inside the process, handed on to services' ports, or made into Envoy's own."""

from souk.gateway.dispatcher import Dispatcher, Gate
from souk.gateway.proxy import Proxy
from souk.gateway.table import RouteTable

__all__ = ["Dispatcher", "Gate", "Proxy", "RouteTable"]
