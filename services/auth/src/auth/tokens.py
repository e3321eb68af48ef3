"""Access tokens (RFC 9068) and the Ed25519 keys that sign them, as JSON Web Keys (RFC 8037)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from common.auth import AUDIENCE, ISSUER, TOKEN_TYPE
from common.db import now
from common.events import new_id

_ALGORITHM = "EdDSA"
_PUBLIC = ("kty", "crv", "x", "kid", "use", "alg")


def new_jwk() -> dict[str, Any]:
    """Return a fresh private key."""
    jwk: dict[str, Any] = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {**jwk, "kid": str(new_id()), "use": "sig", "alg": _ALGORITHM}


def public_jwk(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return a key's public half."""
    return {name: jwk[name] for name in _PUBLIC}


def sign(jwk: Mapping[str, Any], user_id: UUID, roles: Sequence[str], lifetime: timedelta) -> str:
    """Return an access token for a user."""
    moment = now()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "roles": list(roles),
        "iat": moment,
        "exp": moment + lifetime,
        "jti": str(new_id()),
    }
    return jwt.encode(
        claims, jwt.PyJWK(dict(jwk)), algorithm=_ALGORITHM, headers={"kid": jwk["kid"], "typ": TOKEN_TYPE}
    )
