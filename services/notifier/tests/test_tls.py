"""A line that cannot be trusted carries no mail."""

import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.db import now

from .conftest import make_due, registered, rows


@pytest.fixture
def self_signed(tmp_path):
    """A server certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def statuses(notifier):
    return [(row["status"], row["last_error"]) for row in await rows(notifier)]


@pytest.mark.parametrize("notifier", [{"SMTP_STARTTLS": "auto"}, {"SMTP_STARTTLS": "require"}], indirect=True)
async def test_a_certificate_nobody_vouches_for_gets_no_mail(notifier, post, self_signed):
    post.tls = self_signed
    await notifier.hear(registered())
    assert await notifier.work_loops() == 0
    [(status, error)] = await statuses(notifier)
    assert (status, post.taken) == ("queued", [])
    assert error.startswith("knocking: ")


@pytest.mark.parametrize(
    ("notifier", "status"),
    [
        ({"SMTP_STARTTLS": "require"}, "queued"),
        ({"SMTP_STARTTLS": "auto"}, "sent"),
        ({"SMTP_STARTTLS": "auto", "SMTP_USERNAME": "shop", "SMTP_PASSWORD": "secret"}, "queued"),
    ],
    indirect=["notifier"],
)
async def test_a_server_without_tls_gets_mail_only_where_that_is_allowed(notifier, post, status):
    await notifier.hear(registered())
    await notifier.work_loops()
    await make_due(notifier)
    await notifier.work_loops()
    assert [found for found, _ in await statuses(notifier)] == [status]
