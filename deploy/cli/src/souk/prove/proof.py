"""What a run has shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from souk.hurt.ledger import Purchase
from souk.prove.nemesis import Struck
from souk.prove.pulse import Pulse


@dataclass(slots=True)
class Proof:
    """The findings: nothing in `wrong` means that everything held.

    `served` are those of the purchases that were answered with an order and that no fault had sent.
    """

    seed: int
    minutes: float
    rate: float
    struck: Sequence[Struck] = ()
    wrong: list[str] = field(default_factory=list)
    purchases: Sequence[Purchase] = ()
    served: Sequence[Purchase] = ()
    began: float = 0
    lasted: float = 0
    recovered: float = 0
    drained: float = 0
    rows: int = 0
    accounts: int = 0
    turned_away: int = 0
    pulse: Pulse | None = None

    @property
    def to_come(self) -> float:
        """How many people are to come by themselves."""
        return self.rate * 60 * self.minutes

    @property
    def outcomes(self) -> Counter[str]:
        """How the purchases ended."""
        return Counter(purchase.outcome for purchase in self.purchases)

    @property
    def placed(self) -> list[Purchase]:
        """The purchases that were answered with an order."""
        return [purchase for purchase in self.purchases if purchase.answers]
