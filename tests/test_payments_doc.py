"""docs/payments.md says what the code says: every state and move, the events to select, the version, the test cards."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from pathlib import Path

import pytest

from orders import domain as orders
from payments import domain as payments
from payments.providers.razorpay_events import FACT_TYPES as RAZORPAY_TYPES
from payments.providers.stripe_events import FACT_TYPES as STRIPE_TYPES
from payments.providers.stripe_transport import API_VERSION
from sandbox.razorpay.cards import CARDS
from sandbox.stripe.cards import numbered

TEXT = (Path(__file__).parents[1] / "docs" / "payments.md").read_text()
WORD = re.compile(r"`([^`]+)`")
Moves = Mapping[StrEnum, AbstractSet[StrEnum]]


def table(heading: str) -> dict[str, list[str]]:
    """The last cell's words of each row by the first cell's, of the table whose first column is called so."""
    (rows,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]
    return {WORD.findall(row[0])[0]: WORD.findall(row[-1]) for row in cells}


@pytest.mark.parametrize(
    ("heading", "moves"),
    [("payment", payments.MOVES), ("refund", payments.REFUND_MOVES), ("order", orders.MOVES)],
)
def test_every_state_and_move_is_named(heading: str, moves: Moves) -> None:
    said = {state: sorted(wanted) for state, wanted in table(heading).items()}
    assert said == {str(state): sorted(map(str, wanted)) for state, wanted in moves.items()}


def test_every_fate_of_a_capture_is_named() -> None:
    assert set(table("capture")) == set(payments.CaptureStatus)


def test_the_events_to_select_are_those_that_are_read() -> None:
    live = TEXT.partition("## Going live")[2].partition("## Trying it")[0]
    for provider, types in (("stripe", STRIPE_TYPES), ("razorpay", RAZORPAY_TYPES)):
        listed = live.partition(f"webhooks/{provider}`")[2].partition("events:")[2].partition("\n3.")[0]
        listed = listed.partition("\n4.")[0]
        assert sorted(WORD.findall(listed)) == sorted(types)
    assert f"`{API_VERSION}`" in live


def test_every_card_is_one_that_the_sandbox_knows() -> None:
    rows = re.findall(r"^\| `(\d+)` \| .* \| `(\d+)` \|", TEXT, re.MULTILINE)
    assert len(rows) == 8
    assert [number for number, _ in rows if numbered(number).brand == "unknown"] == []
    assert {number for _, number in rows} <= CARDS.keys()
