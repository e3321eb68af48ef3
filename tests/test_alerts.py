"""Alerts: each is tested and explained, asks for what the code measures, and does what promtool expects of it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from catalog.meters import Meters as CatalogMeters
from common.telemetry import Metrics
from notifier.meters import Meters as NotifierMeters
from payments.meters import Meters as PaymentsMeters
from souk.machines.promtool import promtool

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "observability"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]
OF_THE_SCRAPE = {"service", "role", "instance", "job", "le"}
SUFFIX = re.compile(r"_(total|bucket|count|sum|created)$")


def measured() -> dict[str, set[str]]:
    """Every metric the services have, with its labels."""
    registries: list[CollectorRegistry] = [Metrics("any").registry]
    own = CollectorRegistry()
    for meters in (PaymentsMeters(), NotifierMeters(), CatalogMeters()):
        for collector in meters.collectors:
            own.register(collector)
    registries.append(own)
    return {
        family.name: set(collector._labelnames)
        for registry in registries
        for collector in registry._collector_to_names
        if hasattr(collector, "_labelnames")
        for family in collector.describe()
    }


def asked(expression: str) -> set[str]:
    return {SUFFIX.sub("", name) for name in re.findall(r"\bsouk_[a-z_]+", expression)}


def test_every_alert_has_a_section_in_the_runbook_and_the_other_way_round() -> None:
    sections = re.findall(r"^### (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sections == list(dict.fromkeys(sections))
    assert sorted(sections) == sorted(NAMES)
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_alert_is_played_both_quiet_and_loud() -> None:
    checks = [
        check
        for test in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
        for check in test["alert_rule_test"]
    ]
    loud = {check["alertname"] for check in checks if check.get("exp_alerts")}
    quiet = {check["alertname"] for check in checks if not check.get("exp_alerts")}
    assert (loud, quiet) == (set(NAMES), set(NAMES))


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_asks_only_for_what_is_measured(rule: dict[str, Any]) -> None:
    known, expression = measured(), rule["expr"]
    assert asked(expression) <= known.keys()
    labels = OF_THE_SCRAPE.union(*(known[name] for name in asked(expression)))
    if "rabbitmq_" in expression:
        return
    used = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    used |= set(re.findall(r"[{,]\s*([a-z_]+)\s*[=!]", expression)) - {"__name__"}
    used |= set(re.findall(r"labels\.(\w+)", rule["annotations"]["summary"]))
    assert used <= labels


def test_a_rule_names_only_routes_that_exist() -> None:
    known = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"].keys()
    named = [named for rule in RULES for named in re.findall(r'route[!=]~?"(.*?)"', rule["expr"])]
    assert named
    for [begins, branches] in (re.fullmatch(r"([^()]*)\(([^()]*)\)", one).groups() for one in named):
        assert {begins + branch for branch in branches.split("|")} <= known


def test_the_dashboard_shows_only_what_is_measured() -> None:
    board = json.loads((FOLDER / "dashboard.json").read_text())
    known = measured()
    for target in (target for panel in board["panels"] for target in panel.get("targets", ())):
        assert asked(target["expr"]) <= known.keys(), target["expr"]
        labels = OF_THE_SCRAPE.union(*(known[name] for name in asked(target["expr"])))
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels


def test_every_metric_is_explained_with_its_labels() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `(souk_[a-z_]+)` \| \w+ \| ([a-z, ]*?) ?\|", page, re.MULTILINE)
    told = {SUFFIX.sub("", name): {label for label in labels.split(", ") if label} for name, labels in rows}
    assert told == measured()


def test_alerts_do_what_they_should() -> None:
    """Debian's package brings promtool where the PATH has none; without either, only the tests above say something."""
    tool = promtool(ROOT / ".souk" / "promtool")
    if tool is None:
        pytest.skip("no promtool on the PATH, and no Debian package to take it from")
    for words in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        ran = subprocess.run([tool, *words], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
