"""What the tests of the outbox tell, and who hears it."""

from uuid import UUID

from common.broker import InProcessWire
from common.events import Envelope, Event, new_id
from common.outbox import emit


class Counted(Event, wire="test.counted", subject="subject_id"):
    subject_id: UUID
    amount: int = 1


class Listener:
    """A wire with one listener that keeps what it hears."""

    def __init__(self):
        self.wire = InProcessWire(confirm_timeout=2, retry_pause=0.05)
        self.wire.bind("listener", ["test.counted"])
        self.heard: list[Envelope] = []

    async def take(self, deliveries):
        self.heard += [Envelope.parse(delivery.body) for delivery in deliveries]

    @property
    def sequences(self):
        return [envelope.sequence for envelope in self.heard]


async def tell(database, *facts, lane="live"):
    async with database.transaction() as session:
        return [emit(session, fact, lane=lane) for fact in facts]


def counted(amount=1):
    return Counted(subject_id=new_id(), amount=amount)
