"""A secret that only one service can open: a JWE (ECDH-ES+A256KW, A256GCM; RFC 7516, 7518) to that service's key."""

import json
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")
_HEADER: Final = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}


class Sealed(str, Generic[T]):
    """The compact JWE of a secret; it travels and rests as this text, and prints as nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Sealed(…)"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class Sealer:
    """Seals to any service whose public key is known; raises ValueError for what is no key."""

    def __init__(self, public_keys: Mapping[str, Mapping[str, Any]]) -> None:
        self._keys = {service: _key(key) for service, key in public_keys.items()}

    def seal(self, secret: str, recipient: str) -> Sealed[str]:
        """Return the secret sealed for a service; raises KeyError when its public key is not configured."""
        return Sealed(jwe.encrypt_compact({**_HEADER, "kid": recipient}, secret.encode(), self._keys[recipient]))


class Opener:
    """Opens what was sealed for this service; raises ValueError for what is no key."""

    def __init__(self, private_key: Mapping[str, Any]) -> None:
        self._key = _key(private_key)

    def open(self, sealed: str) -> str:
        """Return the secret; raises joserfc's JoseError when it was sealed for somebody else or tampered with."""
        plaintext = jwe.decrypt_compact(sealed, self._key, algorithms=list(_HEADER.values())).plaintext
        return (plaintext or b"").decode()


def _key(given: Mapping[str, Any]) -> ECKey:
    try:
        return ECKey.import_key(dict(given))
    except (JoseError, TypeError) as error:
        raise ValueError(f"this is no key: {error}") from error


def new_key_pair(service: str) -> tuple[str, str]:
    """Return a service's (private, public) P-256 keys as JSON, for SEAL_PRIVATE_KEY and SEAL_PUBLIC_KEYS."""
    key = ECKey.generate_key("P-256", {"kid": service, "use": "enc"})
    return json.dumps(key.as_dict(private=True)), json.dumps(key.as_dict(private=False))
