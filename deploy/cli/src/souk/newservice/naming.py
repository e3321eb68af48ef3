"""What a service may be called: one word that is free as a package, a path, a database and a queue."""

import keyword
import re
import sys
from importlib.util import find_spec
from typing import Final

from souk.gateway.table import RouteTable
from souk.home import ROOT, SERVICES
from souk.machines.errors import MachineError

_WORD: Final = re.compile(r"[a-z][a-z0-9]{1,13}")
# souk_operator reads every database, guest and souk are users of the broker, and these are folders and paths of ours.
_TAKEN: Final = frozenset({"operator", "guest", "health", "docs", "tests", "cli", "example", "postgres", "template"})


def check_name(name: str) -> None:
    """Say in a sentence why a service cannot be called so; raises MachineError."""
    if not _WORD.fullmatch(name):
        raise MachineError(f"{name!r} cannot be a service: write one word of 2 to 14 small letters and digits.")
    if name in SERVICES or (ROOT / "services" / name).exists():
        raise MachineError(f"There is a service {name} already.")
    if (service := RouteTable.read().service(f"/api/v1/{name}")) is not None:
        raise MachineError(f"{name} cannot be a service: /api/v1/{name} is a path of {service}.")
    if name in _TAKEN or keyword.iskeyword(name) or name in sys.stdlib_module_names or find_spec(name) is not None:
        raise MachineError(f"{name} cannot be a service: the name is taken by something else in Souk or Python.")
