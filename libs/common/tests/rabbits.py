"""A queue of a test's own on a real RabbitMQ, and the broker's back door to hurt it."""

from common.broker import Hearer, Message, RabbitWire, apply_topology
from common.events import new_id


class Rabbit:
    """Wires to one queue, which are closed after the test."""

    def __init__(self, url, management, through_proxy):
        self.url, self._management, self._through_proxy = url, management, through_proxy
        self.vhost = url.rsplit("/", 1)[1]
        self.queue = f"q-{new_id().hex}"
        self.type = f"test.{new_id().hex}"
        self.got, self.wires = [], []

    async def declare(self):
        await apply_topology(self.url, [Hearer(self.queue, frozenset({self.type}))])

    async def proxied(self, **options):
        proxy = await self._through_proxy(self.url)
        return proxy, self.wire(proxy.url, **options)

    def wire(self, url=None, **options):
        self.wires.append(RabbitWire(url or self.url, **{"confirm_timeout": 5, "watchdog": 0.1, **options}))
        return self.wires[-1]

    def messages(self, *bodies):
        return [Message(new_id(), self.type, "live", body) for body in bodies]

    async def keep(self, deliveries):
        self.got.extend(deliveries)

    def delete_queue(self):
        self._management.call("DELETE", f"queues/{self.vhost}/{self.queue}")

    def make_classic(self):
        """Put another queue in its place: of another type, and bound to nothing."""
        self.delete_queue()
        classic = {"durable": True, "arguments": {"x-queue-type": "classic"}}
        self._management.call("PUT", f"queues/{self.vhost}/{self.queue}", classic)

    def unbind(self):
        self._management.call("DELETE", f"bindings/{self.vhost}/e/events/q/{self.queue}/{self.type}")
