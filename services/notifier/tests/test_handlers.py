"""Which facts make which mails, however often and in whatever order they come."""

from common.contracts.auth import UserUpdated
from common.contracts.orders import Line, OrderCancelled, OrderExpired, OrderRefunded, OrderRejected
from common.contracts.payments import PaymentFailed, PaymentSurplus
from common.events import new_id
from common.money import Money
from notifier.handlers import events

from .conftest import ordered, paid, registered, rows


def failed(order, try_ref="ch_1", *, final=False):
    return PaymentFailed(
        payment_id=order.order_id, order_id=order.order_id, attempt=1, reason="declined", try_ref=try_ref, final=final
    )


def refunded(order, *, reason="out_of_stock", whole=True, amount=2599):
    return OrderRefunded(
        order_id=order.order_id,
        number=order.number,
        user_id=order.user_id,
        refund_id=new_id(),
        amount=Money(amount, "USD"),
        total_refunded=Money(amount, "USD"),
        whole=whole,
        reason=reason,
        lines=[],
    )


async def test_a_new_user_is_welcomed(notifier, post):
    await notifier.hear(registered(name="Ada"))
    await notifier.work_loops()
    mail = post.taken[0]
    assert mail.recipients == ["ada@example.com"]
    assert (mail.message["To"], mail.message["From"]) == ("ada@example.com", "Souk Shop <shop@souk.example>")
    assert mail.message["Subject"] == "Welcome to Souk Shop"
    assert "Hello Ada," in mail.text
    assert "Hello Ada," in mail.html
    assert "https://shop.example" in mail.text


async def test_a_paid_order_is_confirmed_line_by_line_with_its_images(notifier, post):
    user = registered()
    order = ordered(user.user_id, total=Money(6597, "USD"))
    image = "https://img.example/sunset.jpg"
    lines = [
        Line(
            line_id=new_id(),
            product_id=new_id(),
            kind="digital",
            name="Sunset",
            quantity=2,
            unit_price=Money(2599, "USD"),
            image=image,
        ),
        Line(
            line_id=new_id(),
            product_id=new_id(),
            kind="physical",
            name="Mug",
            quantity=1,
            unit_price=Money(1399, "USD"),
            image="javascript:alert(1)",
        ),
    ]
    await notifier.hear(user, order, paid(order, *lines))
    await notifier.work_loops()
    mail = post.taken[-1]
    assert mail.message["Subject"] == "Order S-1042 is paid"
    for body in (mail.text, mail.html):
        for shown in ("Sunset", image, "25.99 USD", "51.98 USD", "Mug", "13.99 USD", "65.97 USD"):
            assert shown in body
        assert f"https://shop.example/orders/{order.order_id}" in body
        assert "javascript:" not in body
    assert f'<img src="{image}"' in mail.html


async def test_each_failed_try_is_told_once_with_the_way_to_try_again(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, failed(order), failed(order), failed(order, "ch_2", final=True))
    await notifier.work_loops()
    mails = [mail for mail in post.taken if "did not go through" in mail.message["Subject"]]
    assert len(mails) == 2
    assert mails[0].message["Subject"].startswith("Order S-1042")
    for body in (mails[0].text, mails[0].html):
        assert "try again" in body
        assert f"https://shop.example/orders/{order.order_id}" in body
        assert "25.99 USD" in body


async def test_a_failure_told_after_the_order_was_paid_does_not_invite_to_pay(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, paid(order), failed(order))
    await notifier.work_loops()
    assert "no longer waits for a payment" in post.taken[-1].text
    assert "try again" not in post.taken[-1].text


def surplus(order):
    return PaymentSurplus(
        payment_id=new_id(),
        order_id=order.order_id,
        number=order.number,
        user_id=order.user_id,
        attempt=2,
        provider="razorpay",
        amount=Money(2599, "USD"),
        capture_ref="pay_2",
        refund_id=new_id(),
    )


async def test_who_paid_twice_is_told_once_that_the_second_amount_goes_back(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    second = surplus(order)
    await notifier.hear(second)
    assert await notifier.inbox_rows("waiting") == ["payment.surplus"]
    await notifier.hear(user, order, paid(order), second, second)
    await notifier.work_waiting()
    await notifier.work_loops()
    [mail] = [mail for mail in post.taken if "twice" in mail.message["Subject"]]
    assert mail.recipients == ["ada@example.com"]
    for body in (mail.text, mail.html):
        assert "You paid twice for order S-1042" in body
        assert "25.99 USD, goes back to you" in body
        assert f"https://shop.example/orders/{order.order_id}" in body


def test_a_surplus_that_went_back_is_not_told_again():
    """Its refund is no order's: orders tells nothing of it, and the notifier does not hear refunds themselves."""
    assert "refund.succeeded" not in events.types


async def test_a_third_payment_is_another_mail(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, surplus(order), surplus(order))
    await notifier.work_loops()
    assert len([mail for mail in post.taken if "twice" in mail.message["Subject"]]) == 2


async def test_money_that_came_too_late_goes_back_with_the_reason(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, refunded(order, reason="paid_after_end"))
    await notifier.work_loops()
    assert "had ended before your payment came" in post.taken[-1].text


async def test_an_order_that_ended_is_closed_without_a_mail(notifier, post):
    user = registered()
    one, two = ordered(user.user_id), ordered(user.user_id)
    await notifier.hear(user, one, two)
    await notifier.hear(
        OrderExpired(order_id=one.order_id, number="1", user_id=user.user_id),
        OrderCancelled(order_id=two.order_id, number="2", user_id=user.user_id, reason="cancelled"),
    )
    await notifier.hear(failed(one), failed(two))
    await notifier.work_loops()
    assert len(post.taken) == 3
    assert all("nothing left to do" in mail.html for mail in post.taken[1:])


async def test_a_refund_says_why_and_keeps_what_people_wrote_to_itself(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user, order, refunded(order), refunded(order, reason="rude", whole=False, amount=500))
    await notifier.work_loops()
    whole, part = post.taken[1:]
    assert whole.message["Subject"].startswith("Order S-1042")
    assert "Something in your order is no longer in stock." in whole.text
    assert "the whole order is refunded" in whole.html
    assert "5.00 USD" in part.html
    assert "so far: 5.00 USD" in part.text
    assert "rude" not in part.html + part.text


async def test_a_rejected_order_is_told_with_its_reason(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    rejected = OrderRejected(order_id=order.order_id, number=order.number, user_id=user.user_id, reason="price_changed")
    await notifier.hear(user, order, rejected)
    await notifier.work_loops()
    mail = post.taken[-1]
    assert mail.message["Subject"] == "Order S-1042 could not be accepted"
    assert "A price changed" in mail.text
    assert "Nothing was charged" in mail.html


async def test_the_same_facts_told_again_send_one_mail(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    for _ in range(3):
        await notifier.hear(user, order, paid(order))
        await notifier.hear(user, paid(order), redelivered=True)
        await notifier.work_loops()
    assert [mail.message["Subject"] for mail in post.taken] == ["Welcome to Souk Shop", "Order S-1042 is paid"]
    assert len(await rows(notifier, "SELECT * FROM notification_transitions WHERE \"to\" = 'queued'")) == 2


async def test_facts_in_the_wrong_order_wait_for_what_they_need(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(failed(order))
    await notifier.hear(paid(order))
    assert await notifier.inbox_rows("waiting") == ["payment.failed", "order.paid"]
    await notifier.hear(order)
    await notifier.work_waiting()
    assert await notifier.inbox_rows("waiting") == ["payment.failed", "order.paid"], "the user is not known yet"
    await notifier.hear(user)
    await notifier.work_waiting()
    await notifier.work_loops()
    assert await notifier.inbox_rows("waiting") == []
    assert len(post.taken) == 3


async def test_later_mails_go_to_the_new_address_and_an_old_version_changes_nothing(notifier, post):
    user = registered()
    order = ordered(user.user_id)
    await notifier.hear(user)
    await notifier.work_loops()

    def update(version, email):
        return UserUpdated(user_id=user.user_id, name="Ada", email=email, roles=[], version_number=version)

    await notifier.hear(update(3, "new@example.com"))
    await notifier.hear(update(2, "stale@example.com"), registered(user.user_id, email="ada@example.com"))
    await notifier.hear(order, paid(order))
    await notifier.work_loops()
    assert [mail.recipients for mail in post.taken] == [["ada@example.com"], ["new@example.com"]]


async def test_an_update_that_comes_before_the_registration_welcomes_under_the_newer_address(notifier, post):
    user = registered()
    newer = UserUpdated(user_id=user.user_id, name="Ada", email="new@example.com", roles=[], version_number=2)
    await notifier.hear(newer)
    await notifier.hear(user)
    await notifier.work_loops()
    assert [mail.recipients for mail in post.taken] == [["new@example.com"]]


async def test_what_happened_follows_the_trace_of_its_cause_and_names_nobody(notifier, post):
    await notifier.hear(registered(name="Ada Lovelace"))
    await notifier.work_loops()
    [fact] = await notifier.told()
    [row] = await rows(notifier)
    assert (fact.type, fact.subject) == ("email.sent", str(row["id"]))
    assert (fact.correlationid, fact.causationid) == ("test", row["causation_id"])
    assert fact.data == {"notification_id": str(row["id"]), "user_id": str(row["user_id"]), "template": "welcome"}
    moves = await rows(notifier, 'SELECT "from", "to", event_id FROM notification_transitions ORDER BY version')
    assert [(move["from"], move["to"]) for move in moves] == [
        (None, "queued"),
        ("queued", "sending"),
        ("sending", "sent"),
    ]
    assert moves[-1]["event_id"] == fact.id
