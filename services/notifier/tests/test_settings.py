"""A notifier that could not send mail does not start, and says why."""

import pytest

from common.settings import BadSetting, load
from notifier.mailer import MailServer
from notifier.settings import NotifierSettings

PRODUCTION = {
    "SOUK_ENV": "production",
    "DATABASE_URL_NOTIFIER": "postgresql://notifier:n0body-knows@db/notifier",
    "AMQP_URL": "amqp://notifier:n0body-knows@broker/",
    "PUBLIC_URL": "https://souk.example/",
    "SMTP_HOST": "smtp.example",
    "MAIL_FROM": "Souk <shop@souk.example>",
}


def test_production_starts_with_a_mail_server_and_a_sender():
    settings = load(NotifierSettings, PRODUCTION)
    assert settings.mail_server.host == "smtp.example"
    assert settings.sender.domain == "souk.example"
    assert settings.shop_url == "https://souk.example"


@pytest.mark.parametrize("name", ["SMTP_HOST", "MAIL_FROM"])
def test_production_without_a_mail_server_or_a_sender_is_refused_with_a_sentence(name):
    with pytest.raises(BadSetting, match=rf"^{name} is missing: in production mail goes to a real server"):
        load(NotifierSettings, PRODUCTION | {name: ""})


def test_the_api_role_needs_no_mail_server():
    assert load(NotifierSettings, PRODUCTION | {"SMTP_HOST": "", "SOUK_ROLE": "api"}).smtp_host is None


@pytest.mark.parametrize(
    ("timeout", "pace", "limit"), [("60s", "1", 60), ("60s", "6", 10), ("60s", "60", 5), ("2s", "60", 2)]
)
def test_the_time_limit_of_a_mail_follows_the_pace_within_reason(timeout, pace, limit):
    environ = {"DATABASE_URL_NOTIFIER": "postgresql://db/notifier", "WIRE": "inprocess"}
    settings = load(NotifierSettings, environ | {"SMTP_TIMEOUT": timeout, "SOUK_PACE": pace})
    assert settings.mail_server.limit == limit


@pytest.mark.parametrize("sender", ["nobody", "Souk <shop>", "a@b.example\r\nBcc: c@d.example", "", "ä@souk.example"])
def test_a_sender_that_is_no_address_is_refused(sender):
    with pytest.raises(BadSetting, match="MAIL_FROM"):
        load(NotifierSettings, PRODUCTION | {"MAIL_FROM": sender})


def test_a_password_without_a_name_is_refused():
    with pytest.raises(BadSetting, match="SMTP_USERNAME is missing"):
        load(NotifierSettings, PRODUCTION | {"SMTP_PASSWORD": "n0body-knows"})


@pytest.mark.parametrize(("password", "why"), [("", "is missing"), ("password", "must not be a default")])
def test_production_refuses_an_empty_or_a_default_password(password, why):
    given = PRODUCTION | {"SMTP_USERNAME": "shop", "SMTP_PASSWORD": password}
    with pytest.raises(BadSetting, match=f"SMTP_PASSWORD {why}"):
        load(NotifierSettings, given)
    assert load(NotifierSettings, given | {"SMTP_PASSWORD": "n0body-knows"}).smtp_username == "shop"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (MailServer("h", 25, 1), (False, None)),
        (MailServer("h", 25, 1, start_tls="never"), (False, False)),
        (MailServer("h", 25, 1, start_tls="require"), (False, True)),
        (MailServer("h", 587, 1, username="u", password="p"), (False, True)),
        (MailServer("h", 465, 1, username="u", password="p"), (True, False)),
    ],
)
def test_a_password_travels_over_tls_unless_ruled_out(server, expected):
    client = server.client()
    assert (client.use_tls, client._start_tls_on_connect) == expected
