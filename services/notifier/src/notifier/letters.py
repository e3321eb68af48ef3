"""What a mail looks like: headers, the HTML and its plain twin, made again to the byte whenever it is sent again."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from notifier.domain import addressable_name, one_line
from notifier.models import Notification, Recipient

_TEMPLATES: Final = Path(__file__).parent / "templates"
SUBJECTS: Final[Mapping[str, str]] = {
    "welcome": "Welcome to {shop}",
    "order_paid": "Order {number} is paid",
    "payment_failed": "Order {number}: the payment did not go through",
    "refunded": "Order {number}: money is on its way back to you",
    "paid_twice": "Order {number}: you paid twice, and one payment goes back to you",
    "order_rejected": "Order {number} could not be accepted",
    "stock_low": "Stock runs low: {product}",
}
# 7 bit: no server on the way needs an extension, and no line gets too long.
_POLICY: Final = SMTP.clone(cte_type="7bit")


class Unaddressable(Exception):  # noqa: N818 - names what the address is
    """What is kept as the reader's address is not one."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready for the server: the envelope's two addresses and the message's bytes."""

    sender: str
    recipient: str
    body: bytes


class Letters:
    """Writes letters from one sender, with links to one shop."""

    def __init__(self, sender: Address, shop_url: str) -> None:
        self._sender, self._shop_url = sender, shop_url
        self._shop = sender.display_name or "Souk"
        self._pages = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(enabled_extensions=["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @property
    def domain(self) -> str:
        """The sender's domain, on which Message-IDs are made."""
        return self._sender.domain

    def write(self, row: Notification, recipient: Recipient) -> Letter:
        """Return the letter of a mail; raises Unaddressable.

        Names and numbers come from people and from other services: all are brought to one line before they get near a
        header, and EmailMessage refuses what would still break one.
        """
        own = {"shop": self._shop, "shop_url": self._shop_url, "name": addressable_name(recipient.name)}
        given = {name: _one_lined(value) for name, value in row.context.items()} | own
        message = EmailMessage(policy=_POLICY)
        message["From"] = self._sender
        message["To"] = _address(recipient.email)
        message["Subject"] = given["subject"] = SUBJECTS[row.template].format_map(given)
        message["Date"] = row.created_at
        message["Message-ID"] = row.message_id
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers
        message.set_content(self._pages.get_template(f"{row.template}.txt").render(given))
        message.add_alternative(self._pages.get_template(f"{row.template}.html").render(given), subtype="html")
        message.set_boundary(f"=_{row.id.hex}")
        return Letter(self._sender.addr_spec, recipient.email, message.as_bytes())


def _address(text: str) -> Address:
    try:
        text.encode("ascii")
        return Address(addr_spec=text)
    except (ValueError, MessageError, IndexError) as error:
        raise Unaddressable from error


def _one_lined(value: object) -> object:
    match value:
        case str():
            return one_line(value)
        case list():
            return [_one_lined(item) for item in value]
        case dict():
            return {key: _one_lined(item) for key, item in value.items()}
        case _:
            return value
