"""Who may upload from a browser: token, expiry and signature in V1, a JWT that signs every parameter in V2."""

import hmac
import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

from sandbox.imagekit.access import Keys
from sandbox.imagekit.errors import ImageKitError, invalid, missing, wrong_key
from sandbox.imagekit.signature import sha1

_HOUR: Final = 3600
_ABOUT_THE_TOKEN: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
_SIGNED_WITH: Final = HMACAlgorithm(HMACAlgorithm.SHA256)
V1_FIELDS: Final = frozenset({"token", "expire", "signature", "publicKey"})


def check_v1(fields: Mapping[str, str], keys: Keys) -> None:
    """A signature of token and expiry (imagekit.io/docs client-side file upload). Raises `ImageKitError`."""
    for name in ("publicKey", "token", "expire", "signature"):
        if not fields.get(name):
            raise missing(name)
    if fields["publicKey"] != keys.public:
        raise wrong_key()
    expire = fields["expire"]
    now = time.time()
    if not expire.isdecimal() or not expire.isascii() or not now < int(expire) < now + _HOUR:
        raise invalid("expire", "Expire parameter should be a Unix time in less than 1 hour into the future.")
    proof = sha1(f"{fields['token']}{expire}", keys.private)
    if not hmac.compare_digest(proof.encode(), fields["signature"].encode()):
        raise invalid("signature")


def check_v2(token: str, keys: Keys) -> Mapping[str, Any]:
    """The upload parameters a genuine JWT of less than an hour grants. Raises `ImageKitError`."""
    try:
        header = jwt.get_unverified_header(token)
        signed, _, proof = token.rpartition(".")
        # By the algorithm itself: PyJWT warns of short keys, and an account cannot choose its key.
        genuine = _SIGNED_WITH.verify(
            signed.encode(), _SIGNED_WITH.prepare_key(keys.private), base64url_decode(proof.encode())
        )
        if header.get("alg") != "HS256" or header.get("kid") != keys.public or not genuine:
            raise wrong_key()
        options: Any = {"verify_signature": False, "verify_exp": True, "verify_iat": True, "require": ["iat", "exp"]}
        claims: dict[str, Any] = jwt.decode(token, options=options)
    except jwt.ExpiredSignatureError as error:
        raise ImageKitError("The token of your request has expired.") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise invalid("token") from error
    if not 0 < claims["exp"] - claims["iat"] <= _HOUR:
        raise invalid("token", "It must expire in less than 1 hour.")
    return {name: value for name, value in claims.items() if name not in _ABOUT_THE_TOKEN}


def check_same(granted: Mapping[str, Any], fields: Mapping[str, str]) -> None:
    """Every parameter as it was signed, none missing and none besides. Raises `ImageKitError`."""
    wrong = sorted(name for name in granted.keys() | fields.keys() if granted.get(name) != fields.get(name))
    if wrong:
        raise ImageKitError(
            f"Your request parameters do not match the payload of the token: {', '.join(wrong)}.", mismatch=wrong
        )
