"""What a contract may not do: take something from its readers, or let a secret or personal data travel in the clear."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from common.events import Event
from common.sealed import Sealed

_SECRET: Final = frozenset({"secret", "password", "token", "code", "otp", "pin", "key"})
_PERSONAL: Final = frozenset({"email", "phone", "address", "street", "city", "ip", "agent", "birthday"})
_ABOUT_PEOPLE: Final = "user."  # the only facts that carry personal data in the clear
_ANNOTATIONS: Final = frozenset({"title", "description", "examples"})


def broken(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Say what a reader of the old JSON schema would not find in the new one: only optional fields may join."""
    was, now = old.get("properties", {}), new.get("properties", {})
    for name in was:
        if name not in now:
            yield f"{where}{name} is gone"
        elif _bare(was[name]) != _bare(now[name]):
            yield f"{where}{name} is not what it was"
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"{where}{name} may be missing now" for name in sorted((before - after) & now.keys()))
    yield from (f"{where}{name} is required, and older facts may lack it" for name in sorted(after - before))
    for name, model in old.get("$defs", {}).items():
        yield from broken(model, new.get("$defs", {}).get(name, {}), f"{where}{name}.")
    if _rest(old) != _rest(new):
        yield f"{where or 'the whole'} has another type or version"


def exposed(model: type[BaseModel], wire: str = "") -> Iterator[str]:
    """Yield the fields, by their names, that must be `Sealed` and are not."""
    wire = wire or (model.wire if issubclass(model, Event) else "")
    forbidden = _SECRET if wire.startswith(_ABOUT_PEOPLE) else _SECRET | _PERSONAL
    for name, field in model.model_fields.items():
        kinds = list(_kinds(field.annotation))
        if forbidden & _words(name) and str in kinds:
            yield f"{model.__name__}.{name}"
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from exposed(kind, wire)


def _words(name: str) -> set[str]:
    *words, last = name.lower().split("_")
    # The id of a key or a token names it and opens nothing.
    return set(words) - _SECRET if last == "id" else {*words, last}


def _kinds(annotation: object) -> Iterator[object]:
    """Yield the types an annotation is made of; what is inside a seal is hidden."""
    if annotation is Sealed or get_origin(annotation) is Sealed:
        return
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _bare(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema without what is only said to people."""
    match schema:
        case dict():
            said = {name for name in _ANNOTATIONS & schema.keys() if not isinstance(schema[name], dict)}
            return {name: _bare(value) for name, value in schema.items() if name not in said}
        case list():
            return [_bare(value) for value in schema]
        case _:
            return schema


def _rest(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return _bare({name: value for name, value in schema.items() if name not in {"properties", "required", "$defs"}})
