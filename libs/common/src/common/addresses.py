"""Addresses as they are written in settings and headers: networks, hosts, origins. Nothing is ever looked up."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LOOPBACK: Final = ("127.0.0.0/8", "::1")
_HOME_NETWORK: Final = 64  # whoever has an IPv6 address has all of its /64
_V4_OR_NAME, _V6 = r"[A-Za-z0-9_.-]{1,253}", r"\[[0-9A-Fa-f:.]{2,45}\]"
_HOST: Final = re.compile(rf"({_V4_OR_NAME}|{_V6})(?::\d{{1,5}})?")
_NAME: Final = re.compile(rf"(?:\*\.)?{_V4_OR_NAME}|{_V6}")
_ORIGIN: Final = re.compile(rf"https?://(?:{_V4_OR_NAME}|{_V6})(?::\d{{1,5}})?")


def network_of(text: str) -> Network:
    """Read an address or a network in CIDR notation; raises ValueError."""
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{text.strip()!r} is no network: write 10.0.0.0/8 or 2001:db8::/32") from error


def host_name(text: str) -> str:
    """Read the name of a host, `*.` before it for all below it; raises ValueError."""
    if not _NAME.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()!r} is no host: write shop.example.com, without https:// and without a port")
    return text.strip().lower()


def origin_of(text: str) -> str:
    """Read an origin (RFC 6454) as browsers write it; raises ValueError."""
    origin = text.strip()
    standard = ":80" if origin.startswith("http://") else ":443"
    if not _ORIGIN.fullmatch(origin) or origin != origin.lower() or origin.endswith(standard):
        raise ValueError(f"{origin!r} is no origin: write https://shop.example.com as browsers do, without a path")
    return origin


def address_of(text: str) -> Address | None:
    """Read an address, with a port or without, as headers have it; None where there is none."""
    written = text.strip()
    if written.startswith("["):
        written = written[1:].partition("]")[0]
    elif written.count(":") == 1:
        written = written.partition(":")[0]
    try:
        found = ip_address(written)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


@lru_cache(maxsize=4096)
def household(host: str) -> str:
    """Return what counts as one address: an IPv4 address, the /64 of an IPv6 one, anything else as it is."""
    found = address_of(host)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _HOME_NETWORK), strict=False))
    return host if found is None else str(found)


class Networks:
    """A set of networks, which remembers whom it was asked about."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._asked = lru_cache(maxsize=4096)(self._has)

    def __contains__(self, host: str) -> bool:
        return self._asked(host)

    def _has(self, host: str) -> bool:
        found = address_of(host)
        return found is not None and any(found in network for network in self._networks)

    def first_outside(self, peer: str, hops: Sequence[str]) -> str:
        """Return whom a chain of proxies speaks for: from the peer back, the first that is not one of us.

        What stands before a word that is no address was written by whoever wrote that word, and is not believed.
        """
        found = peer
        for hop in reversed(hops):
            if found not in self:
                return found
            address = address_of(hop)
            if address is None:
                return found
            found = str(address)
        return found


class Hosts:
    """The names a system answers to."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = frozenset(names)
        self._below = tuple(name[1:] for name in self._exact if name.startswith("*."))

    def has(self, host: str) -> bool:
        """Say whether a `Host` header, with a port or without, names us."""
        name = host_in(host)
        return name is not None and (name in self._exact or name.endswith(self._below))


def host_in(header: str) -> str | None:
    """Return the name in a `Host` header; None where it is not one (RFC 9110, section 7.2)."""
    match = _HOST.fullmatch(header)
    return match[1].lower() if match else None
