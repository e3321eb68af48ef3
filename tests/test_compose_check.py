"""What `make up` says: what is bad, before anything is changed, and in the end where the shop is and who is paid."""

from pathlib import Path

import pytest

from common.settings import BadSetting
from souk.checking import check
from souk.deployment import environments, lay_out
from souk.environment import is_own
from souk.welcome import money, of_containers

from .live import LIVE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "compose"


def payments(given: dict[str, str], folder: Path) -> dict[str, str]:
    return next(environ for service, environ in environments(given, folder) if service == "payments")


@pytest.mark.parametrize("given", [{}, LIVE, {"STRIPE_SECRET_KEY": "sk_test_mine"}])
def test_settings_that_can_be_used_pass_and_nothing_is_written(given: dict[str, str], folder: Path) -> None:
    check(given, folder)
    assert not folder.exists()
    lay_out(given, folder)
    check(given, folder)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ORDER_EXPIRES_AFTER": "10 minutes"}, "ORDER_EXPIRES_AFTER cannot be used: write a duration"),
        ({"STRIPE_SECRET_KEY": "pk_test_1"}, "STRIPE_SECRET_KEY must be a secret key"),
        ({"STRIPE_SECRET_KEY": "sk_live_1"}, "STRIPE_SECRET_KEY is a live key"),
        ({"RAZORPAY_KEY_ID": "rzp_test_mine"}, "RAZORPAY_KEY_SECRET is missing"),
        (LIVE | {"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET is missing"),
        (LIVE | {"MAIL_FROM": ""}, "MAIL_FROM is missing"),
        (LIVE | {"ADMIN_PASSWORD": "password"}, "ADMIN_PASSWORD must not be a default"),
    ],
)
def test_a_bad_setting_is_the_services_own_sentence_before_anything_is_written(
    given: dict[str, str], sentence: str, folder: Path
) -> None:
    with pytest.raises(BadSetting, match=f"^{sentence}"):
        check(given, folder)
    assert not folder.exists()


def test_what_every_service_says_is_said_once(folder: Path) -> None:
    with pytest.raises(BadSetting) as found:
        check({"LOG_LEVEL": "LOUD", "SOUK_PACE": "fast"}, folder)
    sentences = str(found.value).splitlines()
    assert sorted(sentence.split()[0] for sentence in sentences) == ["LOG_LEVEL", "Nothing", "SOUK_PACE"]


def test_the_check_reads_what_the_containers_read(folder: Path) -> None:
    lay_out({}, folder)
    for service, environ in environments({}, folder):
        inside = folder / "secrets" / f"{service}-{environ['SOUK_ROLE']}"
        assert environ[f"DATABASE_URL_{service.upper()}"] == (inside / "database_url").read_text()
        for file in inside.iterdir():
            assert file.name == "database_url" or environ[file.name.upper()] == file.read_text()


def test_a_secret_made_for_the_sandbox_does_not_stay_beside_a_key_of_ones_own(folder: Path) -> None:
    lay_out({}, folder)
    given = {"STRIPE_SECRET_KEY": "sk_test_mine"}
    lay_out(given, folder)
    inside = folder / "secrets" / "payments-api"
    assert is_own("stripe", given)
    assert (inside / "stripe_webhook_secret").read_text() == ""
    assert (inside / "razorpay_webhook_secret").read_text()
    lay_out({}, folder)
    assert (inside / "stripe_webhook_secret").read_text().startswith("whsec_")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, "Stripe sandbox, Razorpay sandbox"),
        (LIVE, "Stripe LIVE"),
        (
            {"STRIPE_SECRET_KEY": "sk_test_mine"},
            "Stripe TEST keys (webhooks: no secret, so each is refused and payments are polled), Razorpay sandbox",
        ),
        (
            {"STRIPE_SECRET_KEY": "rk_test_mine", "STRIPE_WEBHOOK_SECRET": "whsec_1"},
            "Stripe TEST keys, Razorpay sandbox",
        ),
        ({"STRIPE_API_BASE": "http://other:1"}, "Stripe at http://other:1, Razorpay sandbox"),
    ],
)
def test_who_takes_the_money_is_one_line(given: dict[str, str], line: str, folder: Path) -> None:
    assert money(payments(given, folder)) == line


def test_whoever_has_made_it_up_reads_where_the_shop_is_and_who_its_admin_is(folder: Path) -> None:
    lay_out({}, folder)
    said = of_containers({}, folder)
    assert "http://localhost:8080/sandbox/mail" in said
    assert "Stripe sandbox" in said
    file = folder / "secrets" / "auth-api" / "admin_password"
    assert f"admin@souk.test, whose password is in {file}" in said
    assert file.read_text() not in said
    assert "sandbox" not in of_containers(LIVE, folder)
