"""`.env.example` lists every variable that is read, and no other."""

import re
from pathlib import Path

from souk.settings import OPERATORS_OWN

ROOT = Path(__file__).parents[1]


def test_every_variable_is_listed_with_its_meaning() -> None:
    sources = [*ROOT.glob("services/*/src/*/settings.py"), ROOT / "libs/common/src/common/settings.py"]
    read = {name for source in sources for name in re.findall(r'alias="([A-Z0-9_]+)"', source.read_text())}
    services = {source.parent.name for source in ROOT.glob("services/*/src/*/main.py")}
    read = read - {"DATABASE_URL"} | {f"DATABASE_URL_{service.upper()}" for service in services}
    read |= set(OPERATORS_OWN)
    listed = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert listed == read
