"""Mails: every event that demands one has one, and each was sent once or is accounted for."""

from typing import Final

from souk.doctor.checks import Visit, check

DEMANDING: Final = (
    "user.registered",
    "order.paid",
    "payment.failed",
    "payment.surplus",
    "order.refunded",
    "order.rejected",
    "stock.low",
)

# The notifier queues a mail in the transaction that marks its cause done; the mail names the event as its cause.
_MISSING: Final = """
SELECT i.id FROM inbox i LEFT JOIN notifications n ON n.causation_id = i.id::text
WHERE i.status = 'done' AND i.type = ANY($1::text[]) AND n.id IS NULL
"""
_DOUBLE: Final = """
SELECT n.id FROM notifications n JOIN (
    SELECT user_id, channel, cause FROM notifications GROUP BY user_id, channel, cause HAVING count(*) > 1
) d USING (user_id, channel, cause)
"""
_UNFINISHED: Final = """
SELECT id, created_at AS at FROM notifications WHERE status IN ('queued', 'sending')
    OR (status = 'unknown' AND NOT resent_after_unknown)
"""
_UNACCOUNTED: Final = """
SELECT id FROM notifications WHERE (status IN ('sent', 'rejected') AND finished_at IS NULL)
    OR (status = 'sent' AND message_id IS NULL)
"""
_REPEATED: Final = """
SELECT m.id FROM unnest($1::text[], $2::int[]) AS m (id, copies) JOIN notifications n ON n.message_id = m.id
WHERE m.copies > CASE WHEN n.resent_after_unknown THEN 2 ELSE 1 END
"""


@check("I15 mail accounted for", "notifier")
async def mails_are_accounted_for(visit: Visit) -> None:
    """Every event that demands a mail has one row, and the row says what came of it."""
    await visit.saw("notifier", "notifications")
    await visit.accuse("notifier", _MISSING, "This event demands a mail, and there is none.", list(DEMANDING))
    await visit.accuse("notifier", _DOUBLE, "There is another mail for the same reader and cause.")
    await visit.accuse("notifier", _UNFINISHED, "This mail has not left: see its `last_error`.")
    await visit.accuse("notifier", _UNACCOUNTED, "This mail counts as finished, and nothing says when or as what.")


@check("I15 one copy per mail", "notifier", truth=True)
async def one_copy_per_mail(visit: Visit) -> None:
    """The mailbox has each mail once, or the row says that it was sent again."""
    assert visit.truth is not None
    mails = visit.truth.mails
    visit.rows += len(mails)
    await visit.accuse(
        "notifier",
        _REPEATED,
        "The mailbox has more copies of this mail than its row tells.",
        list(mails),
        list(mails.values()),
    )


CHECKS: Final = (mails_are_accounted_for, one_copy_per_mail)
