"""docker-compose.yml and what is laid out for it: every service twice, nothing as root, no secret of one at another."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.settings import CatalogSettings
from common.settings import BadSetting, ServiceSettings
from payments.settings import PaymentsSettings
from sandbox.__main__ import parse, settings_from
from souk.deployment import admin_at, lay_out
from souk.home import SERVICES
from souk.services import BUILDERS

from .live import LIVE

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, it in CONTAINERS.items() if it["image"].startswith("souk/")]
OF_SERVICES = [f"{service}-{role}" for service in SERVICES for role in ("api", "worker")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "compose"


def environ(container: str, folder: Path) -> dict[str, str]:
    """What a container's process reads, its mounted secrets being in the folder."""
    told = dict(re.findall(r"^(\w+)='(.*)'$", (folder / "settings.env").read_text(), re.MULTILINE))
    (mount,) = [volume for volume in CONTAINERS[container]["volumes"] if volume.endswith(":/run/secrets:ro")]
    inside = folder / Path(mount.split(":")[0]).relative_to("deploy/compose")
    own = {
        name: value.replace("/run/secrets", str(inside)) for name, value in CONTAINERS[container]["environment"].items()
    }
    return {**told, **own}


def start(container: str, folder: Path) -> ServiceSettings:
    """The settings with which the container would start; raises BadSetting."""
    return BUILDERS[container.rpartition("-")[0]](environ(container, folder), None).settings


def test_every_service_has_an_api_a_worker_and_a_migration() -> None:
    for service in SERVICES:
        api, worker, migration = (
            CONTAINERS[f"{name}"] for name in (f"{service}-api", f"{service}-worker", f"migrate-{service}")
        )
        assert {it["image"] for it in (api, worker, migration)} == {f"souk/{service}"}
        assert {it["build"]["args"]["SERVICE"] for it in (api, worker, migration)} == {service}
        assert (api["environment"]["SOUK_ROLE"], worker["environment"]["SOUK_ROLE"]) == ("api", "worker")
        assert migration["command"] == ["migrate"]
        assert f"migrate-{service}" in api["depends_on"].keys() & worker["depends_on"].keys()


def test_everything_starts_after_what_it_needs_and_nothing_sleeps() -> None:
    for name, container in CONTAINERS.items():
        for needed, when in container.get("depends_on", {}).items():
            once = CONTAINERS[needed]["restart"] == "no"
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert when == {"condition": wanted}, f"{name} needs {needed}"
    assert "sleep" not in (ROOT / "docker-compose.yml").read_text()


@pytest.mark.parametrize("name", [*OURS, "gateway"])
def test_a_container_of_ours_can_change_nothing_but_its_data(name: str) -> None:
    container = CONTAINERS[name]
    assert container["read_only"]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.get("privileged")
    assert "ports" not in container or name == "gateway"
    assert "docker.sock" not in str(container)


def test_only_the_gateway_is_reached_from_outside_and_only_from_this_host_unless_asked_for() -> None:
    published = {name: it["ports"] for name, it in CONTAINERS.items() if "ports" in it}
    assert published == {"gateway": ["${GATEWAY:-127.0.0.1:8080}:8080"]}


@pytest.mark.parametrize("name", OF_SERVICES)
def test_with_what_is_laid_out_every_service_starts(name: str, folder: Path) -> None:
    lay_out({}, folder)
    settings = start(name, folder)
    assert (settings.environment, settings.role) == ("development", name.rpartition("-")[2])
    assert settings.host == settings.internal_host == CONTAINERS[name]["environment"]["HOST"]
    assert (settings.port, settings.internal) == (8000, 8001)
    assert settings.public_url == "http://localhost:8080"
    assert bool(settings.amqp_url) == (settings.role == "worker")
    secret = {name for name in environ(name, folder) if name.endswith("_FILE")}
    assert not [name for name in environ(name, folder) if f"{name}_FILE" in secret], "a secret among the settings"


def test_no_service_is_given_anothers_secrets(folder: Path) -> None:
    lay_out({}, folder)
    held = {name: {file.read_text() for file in (folder / "secrets" / name).iterdir()} - {""} for name in OF_SERVICES}
    for one in OF_SERVICES:
        for other in OF_SERVICES:
            if one.partition("-")[0] != other.partition("-")[0]:
                assert not held[one] & held[other], f"{one} and {other}"


def test_the_sandbox_is_told_its_secrets_by_a_file(folder: Path) -> None:
    lay_out({"RAZORPAY_WEBHOOK_SECRET": "mine"}, folder)
    told = settings_from(parse(["--state", "x", f"@{folder / 'secrets' / 'sandbox' / 'arguments'}"]))
    assert told.public_url == "http://localhost:8080/sandbox"
    assert told.webhook_targets["stripe"] == "http://gateway:8080/api/v1/payments/webhooks/stripe"
    assert told.webhook_secrets["razorpay"] == "mine"
    payments, catalog = start("payments-worker", folder), start("catalog-worker", folder)
    assert isinstance(payments, PaymentsSettings)
    assert isinstance(catalog, CatalogSettings)
    assert payments.razorpay_webhook_secrets == ("mine",)
    assert told.webhook_secrets["stripe"] == payments.stripe_webhook_secrets[0]
    assert payments.razorpay_key_secret is not None
    assert told.api_keys["razorpay"] == f"{payments.razorpay_key_id}:{payments.razorpay_key_secret.get_secret_value()}"
    assert catalog.imagekit_private_key is not None
    assert (
        told.api_keys["imagekit"] == f"{catalog.imagekit_public_key}:{catalog.imagekit_private_key.get_secret_value()}"
    )


def test_a_key_of_the_users_own_means_the_provider_itself(folder: Path) -> None:
    lay_out({}, folder)
    lay_out(
        {"STRIPE_SECRET_KEY": "sk_test_mine", "ORDER_EXPIRES_AFTER": "5m", "PORT": "9", "DATABASE_URL_AUTH": "x"},
        folder,
    )
    settings = start("payments-worker", folder)
    assert isinstance(settings, PaymentsSettings)
    assert settings.stripe_key is not None
    assert (settings.stripe_key.get_secret_value(), settings.stripe_api_base) == ("sk_test_mine", None)
    assert settings.razorpay_api_base == "http://sandbox:9000/sandbox/razorpay"
    assert "stripe" not in (folder / "secrets" / "sandbox" / "arguments").read_text()
    told = environ("orders-api", folder)
    assert told["ORDER_EXPIRES_AFTER"] == "5m"
    assert "PORT" not in told


def digests(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text() for file in (folder / "secrets").glob("*.env")}


def test_secrets_are_made_once_and_another_secret_makes_only_those_anew_who_read_it(folder: Path) -> None:
    made = lay_out({}, folder)
    kept, settings = (folder / "secrets.json").read_text(), (folder / "settings.env").read_text()
    assert len(made) == len(set(json.loads(kept).values()))
    assert lay_out({}, folder) == []
    assert (folder / "secrets.json").read_text() == kept
    assert (folder / "settings.env").read_text() == settings
    before = digests(folder)
    lay_out({"STRIPE_WEBHOOK_SECRET": "whsec_new,whsec_old"}, folder)
    assert (folder / "settings.env").read_text() == settings
    changed = {name for name, digest in digests(folder).items() if before[name] != digest}
    assert changed == {"payments-api", "payments-worker", "sandbox"}


@pytest.mark.parametrize("name", [*OF_SERVICES, "sandbox"])
def test_a_container_is_told_the_settings_of_all_and_the_digest_of_its_own_secrets(name: str, folder: Path) -> None:
    lay_out({}, folder)
    own = f"deploy/compose/secrets/{name}.env"
    assert CONTAINERS[name]["env_file"] == ["deploy/compose/settings.env", own]
    (mount,) = [volume for volume in CONTAINERS[name]["volumes"] if volume.endswith(":/run/secrets:ro")]
    assert mount.startswith(f"./{own.removesuffix('.env')}:")
    assert (folder / "secrets" / f"{name}.env").stat().st_mode & 0o077 == 0


def test_how_many_of_each_run_is_a_setting_and_migrations_run_once() -> None:
    for name in OF_SERVICES:
        count = f"{name.replace('-', '_').upper()}S"
        assert CONTAINERS[name]["deploy"] == {"replicas": f"${{{count}:-1}}"}
    for service in SERVICES:
        assert CONTAINERS[f"migrate-{service}"]["deploy"] == {"replicas": 1}


def test_only_its_owner_enters_the_folder_of_secrets_and_git_and_docker_leave_it_out(folder: Path) -> None:
    lay_out({}, folder)
    for path in (folder / "secrets", folder / "secrets.json", folder / "settings.env"):
        assert path.stat().st_mode & 0o077 == 0
    # Containers read them as a user that this host does not know.
    assert (folder / "secrets" / "orders-api" / "database_url").stat().st_mode & 0o004
    assert {"/deploy/compose/secrets*", "/deploy/compose/settings.env"} <= set(
        (ROOT / ".gitignore").read_text().splitlines()
    )
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


@pytest.mark.parametrize("value", ["a b", 'it\'s "so"', "$HOME #1", "back\\slash"])
def test_a_setting_is_taken_literally(value: str, folder: Path) -> None:
    lay_out({"ASSET_WATERMARK": value}, folder)
    (line,) = [it for it in (folder / "settings.env").read_text().splitlines() if it.startswith("ASSET_WATERMARK=")]
    quote, text = line[len("ASSET_WATERMARK=")], line[len("ASSET_WATERMARK=") + 1 : -1]
    assert (text if quote == "'" else re.sub(r"\\(.)", r"\1", text)) == value


def test_in_production_every_service_starts_with_keys_and_a_mail_server_of_ones_own(folder: Path) -> None:
    lay_out(LIVE, folder)
    for name in OF_SERVICES:
        assert start(name, folder).environment == "production"
    assert "sandbox" not in (folder / "settings.env").read_text()


@pytest.mark.parametrize(
    ("container", "left_out", "sentence"),
    [
        ("payments-api", "STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY and RAZORPAY_KEY_ID are missing"),
        ("payments-worker", "STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY and RAZORPAY_KEY_ID are missing"),
        ("payments-api", "STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET is missing"),
        ("notifier-worker", "SMTP_HOST", "SMTP_HOST is missing"),
        ("notifier-worker", "MAIL_FROM", "MAIL_FROM is missing"),
    ],
)
def test_in_production_nothing_stands_in_for_what_is_left_out(
    container: str, left_out: str, sentence: str, folder: Path
) -> None:
    lay_out({}, folder)
    lay_out({name: value for name, value in LIVE.items() if name != left_out}, folder)
    with pytest.raises(BadSetting, match=sentence):
        start(container, folder)


SECRET_OF = {
    "database_url": (OF_SERVICES, "postgresql://postgres:postgres@postgres/x", "DATABASE_URL_"),
    "amqp_url": ([name for name in OF_SERVICES if name.endswith("worker")], "amqp://guest:guest@rabbitmq/", "AMQP_URL"),
    "admin_password": (["auth-api", "auth-worker"], "souk-admin-password", "ADMIN_PASSWORD"),
    "asset_secret": (["catalog-api", "catalog-worker"], "please-change-me-soon", "ASSET_SECRET"),
    "stripe_secret_key": (["payments-api", "payments-worker"], "sk_test_souk_sandbox", "STRIPE_SECRET_KEY"),
    "stripe_webhook_secret": (["payments-api"], "whsec_example", "STRIPE_WEBHOOK_SECRET"),
    "smtp_password": (["notifier-worker"], "password", "SMTP_PASSWORD"),
}


@pytest.mark.parametrize("secret", SECRET_OF)
def test_in_production_a_default_in_the_file_of_a_secret_stops_the_start(secret: str, folder: Path) -> None:
    containers, default, name = SECRET_OF[secret]
    lay_out(LIVE | {"SMTP_USERNAME": "shop", "SMTP_PASSWORD": "n0body-knows"}, folder)
    for container in containers:
        assert start(container, folder).environment == "production"
        (folder / "secrets" / container / secret).write_text(default)
        with pytest.raises(BadSetting, match=f"^{name}"):
            start(container, folder)


def test_an_empty_secret_of_orders_or_payments_stops_the_start_in_production(folder: Path) -> None:
    lay_out(LIVE, folder)
    for container, secret in (("payments-api", "stripe_secret_key"), ("orders-worker", "database_url")):
        (folder / "secrets" / container / secret).write_text("")
        with pytest.raises(BadSetting, match="missing"):
            start(container, folder)


def test_the_admin_of_the_containers_is_known_where_they_are_reached(folder: Path) -> None:
    assert admin_at("http://localhost:8080", {"A": "b"}, folder) == {"A": "b"}
    lay_out({}, folder)
    password = (folder / "secrets" / "auth-api" / "admin_password").read_text()
    assert admin_at("http://127.0.0.1:8080", {"ADMIN_PASSWORD": ""}, folder)["ADMIN_PASSWORD"] == password
    assert "ADMIN_PASSWORD" not in admin_at("http://localhost:8000", {}, folder)
    assert admin_at("http://localhost:8080", {"ADMIN_PASSWORD": "mine"}, folder)["ADMIN_PASSWORD"] == "mine"


def test_in_production_the_sandbox_is_left_out_and_the_gateway_has_no_way_to_it() -> None:
    laid_over = yaml.safe_load((ROOT / "deploy" / "compose" / "production.yml").read_text())["services"]
    assert laid_over["sandbox"] == {"profiles": ["never"]}
    assert not [name for name, it in CONTAINERS.items() if "sandbox" in it.get("depends_on", {})]
    (before,), (after,) = (it["gateway"]["volumes"] for it in (CONTAINERS, laid_over))
    assert before.split(":")[1:] == after.split(":")[1:]
    assert "address: sandbox" in (ROOT / before.split(":")[0]).read_text()
    assert "sandbox" not in (ROOT / after.split(":")[0]).read_text()


def test_services_believe_the_gateway_about_who_asks(folder: Path) -> None:
    lay_out({}, folder)
    assert {str(network) for network in start("orders-api", folder).trusted_proxies} >= {"172.16.0.0/12"}


def test_every_container_of_ours_is_built_by_the_one_dockerfile() -> None:
    for name in OURS:
        build = CONTAINERS[name]["build"]
        assert build["dockerfile"] == "deploy/Dockerfile"
        assert (ROOT / "requirements" / f"{build['args']['SERVICE']}.txt").exists()
