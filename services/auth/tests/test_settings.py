"""Settings that cannot be used stop the start with a sentence that names them."""

import pytest

from auth.settings import AuthSettings
from common.settings import BadSetting, load

PRODUCTION = {
    "SOUK_ENV": "production",
    "WIRE": "rabbitmq",
    "AMQP_URL": "amqp://u:p@127.0.0.1/",
    "PUBLIC_URL": "https://shop.example.com",
}
ADMIN = {"ADMIN_EMAIL": "Owner@Shop.example.com"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ACCESS_TOKEN_LIFETIME": "11m"}, "ACCESS_TOKEN_LIFETIME"),
        ({"ACCESS_TOKEN_LIFETIME": "0s"}, "ACCESS_TOKEN_LIFETIME"),
        ({"SIGNING_KEY_LIFETIME": "30s"}, "SIGNING_KEY_LIFETIME must not be shorter than JWKS_REFRESH"),
        ({"REFRESH_IDLE": "40d"}, "REFRESH_IDLE must not be longer"),
        ({"REFRESH_GRACE": "2m"}, "REFRESH_GRACE"),
        ({"LOGIN_KNOWN_FOR": "30d"}, "LOGIN_KNOWN_FOR must be longer than REFRESH_LIFETIME"),
        ({"REFRESH_LIFETIME": "90d"}, "LOGIN_KNOWN_FOR must be longer than REFRESH_LIFETIME"),
        ({"ARGON2_PROFILE": "none"}, "ARGON2_PROFILE"),
        ({"ADMIN_EMAIL": "a@b"}, "ADMIN_EMAIL"),
        ({"LOGIN_TRIES": "0"}, "LOGIN_TRIES"),
        ({"LOGIN_TRIES": "101"}, "LOGIN_TRIES"),
        ({"LOGIN_MOST_FAILURES": "101"}, "LOGIN_MOST_FAILURES"),
        ({"LOGIN_FIRST_WAIT": "0s"}, "LOGIN_FIRST_WAIT"),
        ({"LOGIN_FIRST_WAIT": "1h"}, "LOGIN_FIRST_WAIT must not be longer than LOGIN_LONGEST_WAIT"),
        ({"LOGIN_LOCKED_FOR": "1m"}, "nor that than LOGIN_LOCKED_FOR"),
        ({"LOGIN_LOCKED_FOR": "60d"}, "LOGIN_LOCKED_FOR"),
        ({"LOGIN_FAILURES_PER_ADDRESS": "0"}, "LOGIN_FAILURES_PER_ADDRESS"),
        ({"LOGIN_FAILURES_IN_ALL": "many"}, "LOGIN_FAILURES_IN_ALL"),
        ({"REGISTRATIONS_PER_ADDRESS": "-1"}, "REGISTRATIONS_PER_ADDRESS"),
        (ADMIN, "ADMIN_PASSWORD is missing"),
        ({"ADMIN_PASSWORD": "long enough to use"}, "ADMIN_EMAIL is missing"),
        (ADMIN | {"ADMIN_PASSWORD": "short"}, "ADMIN_PASSWORD cannot be used: write 8 to 128 characters."),
        (PRODUCTION | {"ARGON2_PROFILE": "light"}, "ARGON2_PROFILE must be standard in production"),
        (PRODUCTION | {"SIGNING_KEY_LIFETIME": "1h"}, "SIGNING_KEY_LIFETIME must be at least 1d"),
        (PRODUCTION | {"ACCESS_TOKEN_LIFETIME": "5s"}, "ACCESS_TOKEN_LIFETIME must be at least 1m"),
        (PRODUCTION | ADMIN | {"ADMIN_PASSWORD": " "}, "ADMIN_PASSWORD is missing"),
        (PRODUCTION | ADMIN | {"ADMIN_PASSWORD": "elevenchars"}, "at least 12 characters"),
        (PRODUCTION | ADMIN | {"ADMIN_PASSWORD": "please-Change-Me-now"}, "must not be a default"),
        (
            PRODUCTION | {"ADMIN_EMAIL": "o@shop.org", "ADMIN_PASSWORD": "o@shop.org-and-1"},
            "must not contain the e-mail",
        ),
    ],
)
def test_a_bad_setting_is_a_sentence(settings, given, named):
    with pytest.raises(BadSetting, match=named):
        load(AuthSettings, settings | given)


def test_good_settings_are_taken_and_the_password_is_not_shown(settings):
    given = load(AuthSettings, settings | PRODUCTION | ADMIN | {"ADMIN_PASSWORD": "nobody guesses this"})
    assert given.first_admin == ("owner@shop.example.com", "nobody guesses this")
    assert "nobody" not in repr(given)


def test_in_production_few_tries_are_too_many(settings):
    here, there = load(AuthSettings, settings).tries, load(AuthSettings, settings | PRODUCTION).tries
    assert (there.in_a_row.free, there.in_a_row.most, there.failures_per_address) == (5, 100, 100)
    assert (here.in_a_row.free, here.failures_per_address) == (20, 10_000)
    given = load(AuthSettings, settings | PRODUCTION | {"LOGIN_TRIES": "7", "REGISTRATIONS_IN_ALL": "9"}).tries
    assert (given.in_a_row.free, given.registrations_in_all, given.failures_in_all) == (7, 9, 10_000)
