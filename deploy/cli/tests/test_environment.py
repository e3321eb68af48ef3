"""What a local system's services and its sandbox are told about the providers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from souk.environment import Addresses, environment, redeliveries, sandbox_keys, webhook_secrets, webhook_targets
from souk.home import Home

WHERE = Addresses(8000, str, sandbox_port=9000, smtp_port=25)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").open()


def told(given: dict[str, str], home: Home) -> dict[str, str]:
    names = ("KEY_ID", "KEY_SECRET", "WEBHOOK_SECRET", "API_BASE")
    return {name: environment("payments", given, home, WHERE).get(f"RAZORPAY_{name}", "") for name in names}


def test_without_a_word_from_the_user_razorpay_is_the_sandbox(home: Home) -> None:
    payments, kept = told({}, home), home.secrets()
    assert payments["API_BASE"] == "http://127.0.0.1:9000/sandbox/razorpay"
    assert payments["WEBHOOK_SECRET"] == webhook_secrets({}, home)["razorpay"] == kept["RAZORPAY_WEBHOOK_SECRET"]
    assert sandbox_keys({}, home)["razorpay"] == f"{payments['KEY_ID']}:{payments['KEY_SECRET']}"
    assert webhook_targets(8000)["razorpay"] == "http://127.0.0.1:8000/api/v1/payments/webhooks/razorpay"


def test_a_webhook_secret_alone_keeps_the_sandbox_which_signs_with_it(home: Home) -> None:
    given = {"RAZORPAY_WEBHOOK_SECRET": "mine"}
    payments = told(given, home)
    assert payments["API_BASE"]
    assert payments["WEBHOOK_SECRET"] == webhook_secrets(given, home)["razorpay"] == "mine"


def test_a_key_of_the_users_own_means_the_real_razorpay_and_stays_unknown_to_the_sandbox(home: Home) -> None:
    given = {"RAZORPAY_KEY_ID": "rzp_test_mine", "RAZORPAY_KEY_SECRET": "secret"}
    payments = told(given, home)
    assert (payments["KEY_ID"], payments["KEY_SECRET"], payments["API_BASE"]) == ("rzp_test_mine", "secret", "")
    assert "razorpay" not in sandbox_keys(given, home)


def test_another_implementation_is_called_with_the_sandboxs_key(home: Home) -> None:
    payments = told({"RAZORPAY_API_BASE": "http://other"}, home)
    assert (payments["API_BASE"], payments["KEY_ID"]) == ("http://other", "rzp_test_souk_sandbox")


def test_files_are_kept_by_the_sandboxs_imagekit_unless_the_user_has_an_account(home: Home) -> None:
    catalog = environment("catalog", {}, home, WHERE)
    assert catalog["IMAGEKIT_URL_ENDPOINT"] == "http://127.0.0.1:9000/sandbox/imagekit/cdn/souk"
    keys = f"{catalog['IMAGEKIT_PUBLIC_KEY']}:{catalog['IMAGEKIT_PRIVATE_KEY']}"
    assert sandbox_keys({}, home)["imagekit"] == keys
    assert webhook_targets(8000)["imagekit"] == "http://127.0.0.1:8000/api/v1/assets/webhooks/imagekit"
    given = {"IMAGEKIT_PRIVATE_KEY": "private_mine", "IMAGEKIT_PUBLIC_KEY": "public_mine"}
    catalog = environment("catalog", given, home, WHERE)
    assert "imagekit" not in sandbox_keys(given, home)
    assert "IMAGEKIT_API_BASE" not in catalog
    assert catalog["IMAGEKIT_PRIVATE_KEY"] == "private_mine"


def test_a_home_of_earlier_days_gets_the_secrets_it_lacks_and_keeps_the_others(home: Home) -> None:
    kept = home.secrets()
    old = {name: value for name, value in kept.items() if not name.startswith("RAZORPAY")}
    file = home.path / "secrets.json"
    file.write_text(json.dumps(old))
    found = home.secrets()
    assert {name: found[name] for name in old} == old
    assert found.keys() == kept.keys()
    assert home.secrets() == found
    assert file.stat().st_mode & 0o077 == 0


def test_a_service_that_joins_later_gets_its_pair_of_keys_and_the_others_keep_theirs(home: Home) -> None:
    kept = home.secrets()
    pairs = ("SEAL_PRIVATE_KEYS", "SEAL_PUBLIC_KEYS")
    old = kept | {kind: {name: key for name, key in kept[kind].items() if name != "notifier"} for kind in pairs}
    (home.path / "secrets.json").write_text(json.dumps(old))
    found = home.secrets()
    assert all(found[kind].keys() == kept[kind].keys() for kind in pairs)
    assert all(found[kind][name] == key for kind in pairs for name, key in old[kind].items())
    assert found["SEAL_PRIVATE_KEYS"]["notifier"]["x"] == found["SEAL_PUBLIC_KEYS"]["notifier"]["x"]


def test_every_way_to_pay_is_offered_here_and_in_production_only_those_with_keys(home: Home) -> None:
    def offered(given: dict[str, str]) -> str:
        return environment("orders", given, home, WHERE)["PAYMENT_METHODS"]

    stripe, razorpay = {"STRIPE_SECRET_KEY": "sk_live_1"}, {"RAZORPAY_KEY_ID": "rzp_live_1"}
    production = {"SOUK_ENV": "production"}
    assert offered({}) == offered(stripe) == "stripe:intent,stripe:checkout,razorpay:checkout"
    assert offered(production | stripe) == "stripe:intent,stripe:checkout"
    assert offered(production | razorpay) == "razorpay:checkout"
    assert offered(production | stripe | {"PAYMENT_METHODS": "stripe:intent"}) == "stripe:intent"


def test_who_hurries_gets_webhooks_again_within_seconds_and_nobody_else() -> None:
    assert redeliveries({})[-1] == 18_000
    assert redeliveries({"SOUK_PACE": "12"}) == pytest.approx((1 / 12, 5 / 12, 2.5, 10, 10, 10, 10, 10))
    assert redeliveries({"SOUK_PACE": "fast"}) == redeliveries({})
