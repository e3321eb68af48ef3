"""Form bodies with nested brackets, as Stripe's clients write them: `metadata[order]=7`, `expand[0]=latest_charge`."""

import re
from urllib.parse import parse_qsl

from sandbox.provider import JsonObject
from sandbox.stripe.errors import ParamsError

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")
_MOST_FIELDS = 1000


def decode_form(encoded: bytes | str) -> JsonObject:
    """The nested object behind a form body or a query string. Every leaf is a string. Raises `ParamsError`."""
    try:
        text = encoded.decode("utf-8") if isinstance(encoded, bytes) else encoded
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise ParamsError("Invalid request: the parameters are not readable.") from error
    result: JsonObject = {}
    for key, value in pairs:
        _put(result, key, value)
    return {name: _as_lists(value) for name, value in result.items()}


def _put(result: JsonObject, key: str, value: str) -> None:
    match = _KEY.match(key)
    if match is None:
        raise ParamsError(f"Invalid parameter name: {key}", param=key)
    path = [match[1], *_PART.findall(match[2])]
    place = result
    for part in path[:-1]:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ParamsError(f"Invalid object: {key}", param=path[0])
        place = inner
    last = path[-1] or str(len(place))
    if isinstance(place.get(last), dict):
        raise ParamsError(f"Invalid object: {key}", param=path[0])
    place[last] = value


def _as_lists(value: object) -> object:
    """Objects whose keys are 0, 1, 2 … are lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _as_lists(item) for name, item in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
