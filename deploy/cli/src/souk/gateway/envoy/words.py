"""How Envoy's configuration is spelled: typed messages, durations, percentages."""

from typing import Any, Final

Config = dict[str, Any]
_TYPES: Final = "type.googleapis.com"


def typed(message: str, **fields: object) -> Config:
    """Return a message that says which it is: `typed("envoy.extensions.….v3.Router", …)`."""
    return {"@type": f"{_TYPES}/{message}", **fields}


def extension(name: str, message: str, **fields: object) -> Config:
    """Return an extension by its name, with its configuration."""
    return {"name": name, "typed_config": typed(message, **fields)}


def seconds(value: float) -> str:
    """Return a duration as Protocol Buffers write it in JSON."""
    return f"{value:g}s"


def socket(host: str, port: int) -> Config:
    """Return an address."""
    return {"socket_address": {"address": host, "port_value": port}}
