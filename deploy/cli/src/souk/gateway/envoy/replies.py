"""What Envoy answers by itself, as every other problem of the API (RFC 9457)."""

from collections.abc import Iterator, Mapping
from typing import Final

from common.errors import Unauthenticated
from common.http.frame import ALWAYS
from souk.gateway.envoy.words import Config, extension

_WORDS: Final = {
    400: ("bad_request", "The request could not be understood."),
    401: ("unauthenticated", "A valid access token is needed."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this path."),
    408: ("request_timeout", "The request took too long to arrive."),
    413: ("payload_too_large", "The body is larger than this path takes."),
    429: ("rate_limited", "Too many requests: try again later."),
    431: ("headers_too_large", "The headers are larger, or more, than are taken."),
    502: ("bad_gateway", "The service answered something else than HTTP."),
    503: ("unavailable", "The service cannot answer just now: try again shortly."),
    504: ("gateway_timeout", "The service did not answer in time: ask again, with the same Idempotency-Key."),
}
_COME_AGAIN: Final = frozenset({429, 503})
_UNAVAILABLE: Final = 503
_OTHER: Final = ("refused", "The request was not let through.")
# Pages of every origin may read these: nothing in them is anybody's, and cookies play no part.
_FOR_EVERY_PAGE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After, WWW-Authenticate, X-Request-Id",
}
_HEADERS: Final = {
    "X-Request-Id": "%REQ(X-REQUEST-ID)%",
    **_FOR_EVERY_PAGE,
    **{name.decode(): value.decode() for name, value in ALWAYS},
}
# Nobody has lost his session because auth's keys could not be had.
_NO_KEYS: Final = extension(
    "envoy.access_loggers.extension_filters.cel",
    "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
    expression="response.code_details.contains('Jwks_remote_fetch')",
)


def local_replies() -> Config:
    """Return how answers of Envoy's own are written."""
    return {"mappers": [*_mappers()], "body_format": _problem(*_OTHER)}


def _mappers() -> Iterator[Config]:
    yield {
        "filter": {"and_filter": {"filters": [_is(Unauthenticated.status), {"extension_filter": _NO_KEYS}]}},
        "status_code": _UNAVAILABLE,
        **_answer(_UNAVAILABLE),
    }
    for status in _WORDS:
        yield {"filter": _is(status), **_answer(status)}
    yield {"filter": _compared("GE", 0), "headers_to_add": _added(_HEADERS)}


def _answer(status: int) -> Config:
    headers = dict(_HEADERS)
    if status in _COME_AGAIN:
        headers["Retry-After"] = "1"
    if status == Unauthenticated.status:
        headers |= Unauthenticated.headers
    return {"headers_to_add": _added(headers), "body_format_override": _problem(*_WORDS[status])}


def _added(headers: Mapping[str, str]) -> list[Config]:
    return [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in headers.items()
    ]


def _is(status: int) -> Config:
    return _compared("EQ", status)


def _compared(how: str, status: int) -> Config:
    # A runtime key is compulsory; nobody sets it.
    value = {"default_value": status, "runtime_key": "souk.local_reply"}
    return {"status_code_filter": {"comparison": {"op": how, "value": value}}}


def _problem(code: str, detail: str) -> Config:
    return {
        "json_format": {
            "type": f"urn:souk:problem:{code}",
            "title": code.replace("_", " ").capitalize(),
            "status": "%RESPONSE_CODE%",
            "detail": detail,
            "code": code,
            "request_id": "%REQ(X-REQUEST-ID)%",
        },
        "content_type": "application/problem+json",
        "omit_empty_values": True,
    }
