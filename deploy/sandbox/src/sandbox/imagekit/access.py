"""Who may call: HTTP Basic with the private key as the user's name, and no password that matters."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from sandbox.imagekit.errors import no_key, wrong_key


@dataclass(frozen=True)
class Keys:
    """The account's two keys: the private one also signs URLs and upload tokens."""

    public: str = "public_souk"
    private: str = "private_souk"


def configured(text: str) -> Keys:
    """The keys of a setting `public:private`; the sandbox's own when it is not set."""
    public, _, private = text.partition(":")
    return Keys(public, private) if public and private else Keys()


def check_key(authorization: str, keys: Keys) -> None:
    """Let the account in. Raises `ImageKitError`."""
    scheme, _, value = authorization.partition(" ")
    try:
        decoded = base64.b64decode(value, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    private, _, _ = decoded.partition(":")
    if not private:
        raise no_key()
    if not hmac.compare_digest(private.encode(), keys.private.encode()):
        raise wrong_key()
