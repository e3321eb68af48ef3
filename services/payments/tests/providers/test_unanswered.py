"""Why a provider gave no answer is one short sentence, however many libraries have wrapped it."""

import socket
import ssl

import pytest

from payments.errors import UnknownOutcome
from payments.providers.unanswered import unanswered


def test_a_name_nobody_knows_is_found_below_what_wraps_it() -> None:
    try:
        try:
            raise socket.gaierror(-2, "Name or service not known")
        except OSError as error:
            raise RuntimeError("x" * 400) from error
    except RuntimeError as error:
        assert unanswered("Stripe", error) == "Stripe cannot be reached: name not known"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "cannot be reached: connection refused"),
        (ExceptionGroup("all", [ConnectionRefusedError(111, "x")]), "cannot be reached: connection refused"),
        (TimeoutError(), "did not answer in time"),
        (OSError(101, "Network is unreachable"), "cannot be reached: Network is unreachable"),
        (ValueError("x" * 900), "no whole answer from Stripe: ValueError: x"),
    ],
)
def test_each_trouble_has_its_words(error: Exception, sentence: str) -> None:
    said = unanswered("Stripe", error)
    assert sentence in said
    assert len(said) <= 200


def test_a_certificate_that_is_not_believed_says_why() -> None:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_message = "self-signed certificate"
    assert unanswered("Razorpay", error).endswith("its certificate is not believed: self-signed certificate")


async def test_an_adapter_that_finds_nobody_says_so_in_one_sentence(way) -> None:
    provider = way.provider_name.capitalize()
    for base, why in (("http://127.0.0.1:9", "connection refused"), ("http://nobody.invalid", "name not known")):
        with pytest.raises(UnknownOutcome) as found:
            await way.another(api_base=base).fetch("order_1" if provider == "Razorpay" else "pi_1")
        assert str(found.value) == f"{provider} cannot be reached: {why}"
