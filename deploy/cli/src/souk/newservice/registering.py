"""Where a service is named beside its own folder: the notifier's places, in which the new one is named after it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from souk.machines.errors import MachineError

MODEL: Final = "notifier"
_GROUP: Final = "browsing"
_LINES: Final = re.MULTILINE
_IMPORTS: Final = re.compile(r"(?:^(?:from|import) [\w.]+(?: import .+)?\n)+", _LINES)


@dataclass(frozen=True, slots=True)
class Place:
    """Whatever the pattern finds of the model is said again, for the new service, behind it."""

    file: str
    pattern: str
    between: str = ""


PLACES: Final = (
    Place("pyproject.toml", rf"^souk-{MODEL} = .*\n"),
    Place("pyproject.toml", rf'"{MODEL}(\.\*)?"', ", "),
    Place("deploy/cli/pyproject.toml", rf'^ *"souk-{MODEL}",\n'),
    Place("deploy/cli/src/souk/home.py", rf'"{MODEL}"', ", "),
    Place("deploy/cli/src/souk/services.py", rf"^.*\b{MODEL}\.main\b.*\n"),
    Place(".env.example", rf"^(DATABASE|AMQP)_URL_{MODEL.upper()}=.*\n"),
    Place("docker-compose.yml", rf"^ +(DATABASE|AMQP)_URL_{MODEL.upper()}_FILE: .*\n"),
    Place("docker-compose.yml", rf"^  {MODEL}-api:(?s:.+?)\n  migrate-{MODEL}: .*\n", "\n"),
    Place("docker-compose.yml", rf"\b{MODEL}-api: \*well", ", "),
    Place("deploy/observability/prometheus.yml", rf"^ +- {MODEL}-api\n +- {MODEL}-worker\n"),
)


def registered(root: Path, name: str) -> Mapping[Path, str]:
    """Return the files that name services, with the new one in them; raises MachineError where its place is not found.

    Nothing is written.
    """
    texts: dict[Path, str] = {}
    for place in PLACES:
        file = root / place.file
        texts[file] = _said_again(place, texts.get(file) or file.read_text(), name)
    services = root / "deploy/cli/src/souk/services.py"
    texts[services] = with_sorted_imports(texts[services])
    routes = root / "deploy/gateway/routes.toml"
    return texts | {routes: _with_route(routes.read_text(), name)}


def with_sorted_imports(text: str) -> str:
    """Return Python whose blocks of imports, one line each, are in their order: whole modules first, then by name."""

    def in_order(lines: Iterable[str]) -> list[str]:
        return sorted(lines, key=lambda line: (line.startswith("from"), line.split()[1]))

    return _IMPORTS.sub(lambda block: "".join(in_order(block[0].splitlines(keepends=True))), text)


def _said_again(place: Place, text: str, name: str) -> str:
    def again(found: re.Match[str]) -> str:
        return f"{found[0]}{place.between}{_renamed(found[0], name)}"

    changed, count = re.subn(place.pattern, again, text, flags=_LINES)
    if not count:
        raise MachineError(f"{place.file} names {MODEL} nowhere as expected (/{place.pattern}/), so nothing was done.")
    return changed


def _renamed(text: str, name: str) -> str:
    return text.replace(MODEL, name).replace(MODEL.upper(), name.upper())


def _with_route(text: str, name: str) -> str:
    """Return the route table with the new service's path behind the last."""
    row = f'[[route]]\npath = "/api/v1/{name}"\nservice = "{name}"\ngroup = "{_GROUP}"\nauth = "required"\n\n'
    end = text.index("\n\n", text.rindex("[[route]]")) + 2
    return text[:end] + row + text[end:]
