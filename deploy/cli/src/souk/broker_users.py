"""A user per service on RabbitMQ, who may tell only the service's own events and read only its own queues."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, get_args
from urllib.parse import quote, unquote, urlsplit

from common.broker.topology import EXCHANGES, queue_name
from common.contracts import facts
from common.events import Lane
from common.settings import BadSetting
from souk.machines.rabbit_api import Management
from souk.roles import refuse_shared

_NOTHING: Final = "^$"
_NEVER: Final = "(?!)"  # not even the empty word, which is a routing key too


def apply_users(management: Management, urls: Mapping[str, str]) -> list[str]:
    """Make the users that the services' addresses name, and set them right where they are; return a line per user.

    A service consumes its two queues and can compare their arguments, which takes `configure`; it can bind nothing, so
    that it hears what the topology says. On the exchanges it publishes the event types of its contract, and nowhere
    else. Raises BadSetting for an address without user and password and for two with the same user, MachineError when
    the broker refuses.
    """
    refuse_shared("user", {_setting(service): _parts(service, url)[0] for service, url in urls.items()})
    return [_apply(management, service, url) for service, url in urls.items()]


def _apply(management: Management, service: str, address: str) -> str:
    name, password, vhost = _parts(service, address)
    if name == management.user:
        raise BadSetting(f"{_setting(service)} cannot be used: {name} is the administrator's own user.")
    user, there = quote(name, safe=""), f"{quote(vhost, safe='')}/{quote(name, safe='')}"
    queues = _one_of(queue_name(service, lane) for lane in get_args(Lane))
    told = [fact.wire for fact in facts(service)]
    management.call("PUT", f"users/{user}", {"password": password, "tags": ""})
    rights = {"configure": queues, "write": _one_of(EXCHANGES.values()), "read": queues}
    management.call("PUT", f"permissions/{there}", rights)
    for exchange in EXCHANGES.values():
        topics = {"exchange": exchange, "write": _one_of(told), "read": _NOTHING}
        management.call("PUT", f"topic-permissions/{there}", topics)
    return f"{service}: user {name}, {len(told)} event types"


def _setting(service: str) -> str:
    return f"AMQP_URL_{service.upper()}"


def _parts(service: str, address: str) -> tuple[str, str, str]:
    """Return an address's user, password and virtual host."""
    url = urlsplit(address)
    if not (url.username and url.password):
        raise BadSetting(f"{_setting(service)} cannot be used: write amqp://user:password@host:5672/.")
    return unquote(url.username), unquote(url.password), unquote(url.path[1:]) or "/"


def _one_of(names: Iterable[str]) -> str:
    words = "|".join(map(re.escape, names))
    return f"^({words})$" if words else _NEVER
