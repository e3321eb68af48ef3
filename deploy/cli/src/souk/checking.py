"""Whether every service would start with the settings its containers are about to get, before anything is changed."""

from collections.abc import Mapping
from pathlib import Path

from common.settings import BadSetting, load
from souk.deployment import FOLDER, environments
from souk.services import SETTINGS


def check(given: Mapping[str, str], folder: Path = FOLDER) -> None:
    """Raise BadSetting with the services' own sentences, each once, unless all would start."""
    sentences: dict[str, None] = {}
    for service, environ in environments(given, folder):
        try:
            load(SETTINGS[service], environ)
        except BadSetting as error:
            sentences |= dict.fromkeys(str(error).splitlines())
    if sentences:
        raise BadSetting("\n".join([*sentences, "Nothing was changed: mend the setting, and try again."]))
