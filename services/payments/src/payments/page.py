"""The page a buyer comes back to from a provider: what is true of the payment, and the way on."""

import base64
import hashlib
from html import escape
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from payments.domain import Status
from payments.models import Payment

LEADS_ON_AFTER: Final = 5  # seconds, enough to read a sentence

_STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.6rem}a{color:#0a58ca}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}a{color:#8ab4f8}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# Nothing but the style above; and neither other sites nor search engines have anything to do with it.
HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
{refresh}<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{order}<p>{sentence}</p>
{link}</main>
</body>
</html>
"""
_UNKNOWN: Final = ("Nothing known by that name", "There is no payment here that this address leads to.")
_PAID: Final = ("Paid", "Your payment has arrived. Thank you.")
_SURPLUS: Final = ("Paid twice", "The order had been paid before: this money goes back to you by itself.")
_UNHEARD: Final = ("Not known yet", "The payment provider has not told us yet what became of it. Nothing is lost.")
_ON_ITS_WAY: Final = ("On its way", "Your payment is on its way and has not arrived yet.")
_DECLINED: Final = ("Not paid: declined", "The last try to pay was declined. You may try again.")
_OPEN: Final = ("Not paid yet", "Nothing has been paid so far. The payment is still open.")
_CANCELLED: Final = ("Cancelled", "This payment was closed without being paid.")
_FAILED: Final = ("Not possible", "The payment provider did not accept this payment. Nothing has been paid.")
_MISMATCHED: Final = (
    "Not accepted",
    "Something else was paid than was asked for. What was taken goes back to you.",
)
_SAID: Final = {
    Status.PROCESSING: _ON_ITS_WAY,
    Status.AUTHORIZED: _ON_ITS_WAY,
    Status.CANCELLED: _CANCELLED,
    Status.SUPERSEDED: _CANCELLED,
    Status.FAILED: _FAILED,
    Status.MISMATCHED: _MISMATCHED,
}


def page(payment: Payment | None, storefront: str | None, *, kept: bool = False) -> str:
    """Return the page; `kept` tells whether the order keeps the money that came."""
    title, sentence = _words(payment, kept=kept) if payment else _UNKNOWN
    onward = _onward(storefront, payment.order_id) if storefront and payment else None
    return _PAGE.format(
        title=escape(title),
        sentence=escape(sentence),
        style=_STYLE,
        order=f"<p>Order {escape(payment.number)}</p>\n" if payment else "",
        refresh=f'<meta http-equiv="refresh" content="{LEADS_ON_AFTER}; url={onward}">\n' if onward else "",
        link=f'<p><a href="{onward}">Back to the shop</a></p>\n' if onward else "",
    )


def _words(payment: Payment, *, kept: bool) -> tuple[str, str]:
    status = Status(payment.status)
    if status == Status.SUCCEEDED:
        return _PAID if kept else _SURPLUS
    if status in _SAID:
        return _SAID[status]
    if payment.is_looked_for:
        return _UNHEARD
    return _DECLINED if payment.tried_at else _OPEN


def _onward(storefront: str, order_id: UUID) -> str:
    return escape(f"{storefront}?{urlencode({'order_id': str(order_id)})}")
