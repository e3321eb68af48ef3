"""The moves a mail may make, and the patience of the loop."""

from datetime import timedelta

import pytest

from common.events import new_id
from notifier.domain import MOVES, Outcome, Patience
from notifier.models import Notification


def mail(**changes):
    return Notification(user_id=new_id(), cause="test", template="welcome", context={}, **changes)


@pytest.mark.parametrize("status", ["sent", "rejected"])
def test_a_mail_that_ended_never_moves_again(status):
    assert not MOVES[status]
    with pytest.raises(ValueError, match=f"does not go from {status} to sending"):
        mail(status=status).begin("souk.example")


def test_a_mail_keeps_its_message_id():
    row = mail()
    row.begin("souk.example")
    row.postpone(Outcome("deferred", 450), row.created_at)
    first = row.message_id
    row.begin("other.example")
    assert row.message_id == first == f"<{row.id}@souk.example>"


def test_waits_grow_up_to_a_limit():
    patience = Patience(first=10, longest=100)
    waits = [patience.wait(attempts).total_seconds() for attempts in (1, 2, 3, 50)]
    for wait, expected in zip(waits, (10, 20, 40, 100), strict=True):
        assert 0.75 * expected <= wait <= 1.25 * expected


def test_mails_are_given_up_after_days():
    assert not Patience().over(timedelta(days=3))
    assert Patience().over(timedelta(days=5))
