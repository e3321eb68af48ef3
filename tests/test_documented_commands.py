"""Whatever the documents tell a reader to type exists: commands and their options, make's targets, variables, paths."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from souk.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = [ROOT / "docs" / f"{name}.md" for name in ("add-a-service", "listen-to-events", "scaling", "troubleshooting")]
SOUK = typer.main.get_command(app)
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
# `make` passes its own variables on, and whatever else is given before it, as the environment.
GIVEN = set(re.findall(r"\$\(([A-Z_]+)\)|\$\(if \$\(([A-Z_]+)\)", MAKEFILE))
VARIABLES = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
# Beginnings of names, those of the service that a page adds, and RabbitMQ's word.
ALSO = {"NAME_FILE", "DATABASE_URL_", "DATABASE_URL_LOYALTY", "AMQP_URL_LOYALTY", "SMTP_", "LOYALTY_", "ACCESS_REFUSED"}
PATHS = set(json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"])
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_MADE = re.compile(r"^\s*(?:[A-Z_]+=\S+ )*make\s")


def typed(page: Path) -> Iterator[str]:
    """Every piece of code in a page: spans, and lines of blocks that are for a shell."""
    text = page.read_text()
    for kind, block in _BLOCK.findall(text):
        if kind in {"", "sh", "bash", "console"}:
            yield from (re.sub(r"\s#\s.*", "", line) for line in block.replace("\\\n", " ").splitlines())
    yield from re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))


def words_of(code: str) -> list[str]:
    try:
        return shlex.split(code, comments=True)
    except ValueError:  # prose between two backticks of different spans
        return []


def commands(page: Path) -> Iterator[list[str]]:
    """The words behind `souk`, and behind the container that does the same."""
    for code in typed(page):
        words = words_of(code)
        for place, word in enumerate(words):
            runs = place == 0 or words[place - 1] in {"--rm", "--quiet-pull", "&&", "|", "$"} or "=" in words[place - 1]
            if word in {"souk", ".venv/bin/souk", "mend"} and runs:
                yield words[place + 1 :]


def wrong(words: list[str]) -> str | None:
    """Say what of a command does not exist."""
    at, rest = SOUK, list(words)
    while isinstance(at, TyperGroup) and rest and rest[0][:1].isalpha():
        if rest[0] not in at.commands:
            return f"{rest[0]} of `souk {' '.join(words)}`"
        at = at.commands[rest.pop(0)]
    known = {option for parameter in at.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [
        word for word in rest if word.startswith("--") and word.partition("=")[0] not in {*known, "--", "--help"}
    ]
    return f"{unknown} of `souk {' '.join(words)}`" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_souk_command_of_a_page_exists_with_its_options(page: Path) -> None:
    assert not [fault for words in commands(page) if (fault := wrong(words))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_in_a_page_exists(page: Path) -> None:
    for code in filter(_MADE.match, typed(page)):
        words = words_of(code)
        told = words[words.index("make") + 1 :]
        assert {word for word in told if word.isalpha() or "-" in word.strip("-")} - TARGETS <= {
            word for word in told if "=" in word
        }, code
        variables = {word.partition("=")[0] for word in told if "=" in word}
        assert variables <= {name for names in GIVEN for name in names}, code


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_variable_and_path_of_a_guide_exists(page: Path) -> None:
    text = page.read_text()
    named = {name.rstrip("=") for code in typed(page) for name in re.findall(r"^[A-Z][A-Z0-9]*_[A-Z0-9_]+\b=?", code)}
    assert named <= VARIABLES | ALSO
    shapes = {re.sub(r"\{\w+\}", "{}", path) for path in PATHS} | {"/api/v1/loyalty/{}"}
    asked = re.findall(r"(?:GET|POST) (/api/v1/[a-z{}_/-]+)", text)
    assert {re.sub(r"\{\w+\}", "{}", path) for path in asked} <= shapes
    for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link


def test_the_figures_of_scaling_are_those_of_performance() -> None:
    pages = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("scaling", "performance")}
    measured = re.findall(r"\b([\d,]+) /s", pages["scaling"])
    assert len(measured) >= 6
    assert set(measured) <= set(re.findall(r"\b([\d,]+) /s", pages["performance"]))
    assert "121 MB" in pages["scaling"]
    assert "121 MB" in pages["performance"]


def test_the_connections_of_scaling_are_those_that_compose_has_room_for() -> None:
    said = (ROOT / "docs" / "scaling.md").read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    pool = int(re.findall(r"^DATABASE_POOL=(\d+)", (ROOT / ".env.example").read_text(), re.MULTILINE)[0])
    (room,) = re.findall(r"max_connections=(\d+)", compose)
    services = len(list((ROOT / "services").glob("*/pyproject.toml")))
    assert f"`DATABASE_POOL` + 1 (wake-ups) = {pool + 1} |" in said
    assert f"{services} × ({pool + 1} + {pool + 2}) = {services * (2 * pool + 3)}" in said or services > 5
    assert f"`max_connections={room}`" in said


@pytest.mark.parametrize("words", ["dotcor", "parked lst", "parked list --al", "doctor --truths x", "new"])
def test_what_does_not_exist_would_be_found(words: str) -> None:
    assert (wrong(words.split()) is None) == (words == "new")
