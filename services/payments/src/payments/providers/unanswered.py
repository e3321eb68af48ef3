"""Why a provider gave no answer, in one sentence; what libraries wrap around it is left out."""

import socket
import ssl
from collections.abc import Iterator

_LONGEST = 200


def unanswered(provider: str, error: BaseException) -> str:
    """Return the sentence for an error of a connection, or of the library above it."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return f"{provider} cannot be reached: name not known"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{provider} cannot be reached: its certificate is not believed: {cause.verify_message}"
        if isinstance(cause, ConnectionRefusedError):
            return f"{provider} cannot be reached: connection refused"
        if isinstance(cause, TimeoutError) or type(cause).__name__.endswith("Timeout"):
            return f"{provider} did not answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{provider} cannot be reached: {cause.strerror[:_LONGEST]}"
    return f"no whole answer from {provider}: {type(error).__name__}: {error}"[:_LONGEST]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        first = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None
        error = first or error.__cause__ or error.__context__
