"""Whom a request comes from: the peer, or whom proxies that are trusted say they speak for."""

from typing import Final

from starlette.types import Scope

from common.addresses import Networks, household

_FOR: Final = b"x-forwarded-for"
_SCHEME: Final = b"x-forwarded-proto"
_SCHEMES: Final = {b"http": "http", b"https": "https"}


def locate(scope: Scope, trusted: Networks) -> None:
    """Put the client's own address, and the scheme it used, where everything else looks for them.

    Headers of whoever is not trusted are left unread, and those of several proxies are read as one list.
    """
    peer = scope.get("client")
    if not peer or peer[0] not in trusted:
        return
    headers = scope["headers"]
    told = [value for name, value in headers if name == _FOR]
    if told:
        client = trusted.first_outside(peer[0], b",".join(told).decode("latin-1").split(","))
        scope["client"] = (client, 0)
    schemes = [value.strip().lower() for name, value in headers if name == _SCHEME]
    if len(schemes) == 1 and schemes[0] in _SCHEMES:
        scope["scheme"] = _SCHEMES[schemes[0]]


def client_of(scope: Scope) -> str:
    """Return what counts as one address, of the client."""
    client = scope.get("client")
    return household(client[0]) if client else "nowhere"
