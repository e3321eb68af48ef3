"""What Schemathesis is told beside the document."""

from typing import Any, Final
from uuid import uuid4

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.checks import CheckContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response

# Rules that JSON Schema has no words for, by the code of the refusal; an integer written 2.0 is one to it.
_BEYOND: Final = frozenset(
    "blank category control_character currency_required file int_type metadata password_blank password_contains_email"
    " password_length password_too_common price quantity query_required stock time variants zero".split()
)
_SHAPE: Final = frozenset("body_missing malformed_json duplicate_key object_expected unknown_parameter".split())


class RefusedForItsShape(Failure):
    """A request that is as the document wants it was refused as if it were not."""


@schemathesis.hook
def before_call(_: HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Give every step of a sequence a key of its own: a repeated one is answered with what may be deleted since."""
    if case.meta and case.meta.phase.name.value == "stateful" and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())


@schemathesis.check
def what_is_valid_is_accepted(_: CheckContext, response: Response, case: Case) -> None:
    """Find documents that promise more than the service takes."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in {400, 422}:
        return
    if "json" not in response.headers["content-type"][0]:
        return
    problem = response.json()
    codes = {error["code"] for error in problem.get("errors", ())} | {problem["code"]} & _SHAPE
    if codes - _BEYOND:
        why = ", ".join(sorted(codes))
        raise RefusedForItsShape(operation=case.operation.label, title="Refused for its shape", message=why)
