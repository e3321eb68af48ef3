"""Time door: everything that talks to the providers, and the working of what they said."""

from functools import partial

from common.loops import Loop
from payments.loops.listening import Backfill, apply_stored_events
from payments.loops.measuring import EVERY, measure
from payments.loops.opening import open_waiting_payments
from payments.loops.refunding import poll_pending_refunds, send_waiting_refunds
from payments.loops.watching import close_closing_payments, poll_open_payments
from payments.loops.world import World
from payments.meters import Meters

__all__ = ["World", "payments_loops"]


def payments_loops(world: World, meters: Meters) -> list[Loop]:
    """Return the loops; the ticks are only for wake-ups that were lost and for what comes due."""
    tick = world.patience.tick.total_seconds()
    loops = {
        "apply facts": apply_stored_events,
        "open payments": open_waiting_payments,
        "close payments": close_closing_payments,
        "poll payments": poll_open_payments,
        "send refunds": send_waiting_refunds,
        "poll refunds": poll_pending_refunds,
    }
    made = [Loop(name, partial(work, world), every=tick) for name, work in loops.items()]
    listers = [Backfill(world, name) for name in world.providers]
    made.append(Loop("payment gauges", partial(measure, world, meters), every=EVERY))
    return [*made, *(Loop(f"list {lister.name} events", lister.run, every=tick) for lister in listers)]
