"""What the OpenAPI document promises of an answer, held against the answer."""

import re
from collections import Counter
from typing import Any

import httpx2
from jsonschema import Draft202012Validator, FormatChecker

from souk.openapi import openapi, operations


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Validates by a schema of the document, which may point into its components."""
    return Draft202012Validator(schema | {"components": document["components"]}, format_checker=FormatChecker())


class Promises:
    """Looks at each answer of an httpx2 client: `event_hooks={"response": [promises.hold]}`."""

    def __init__(self) -> None:
        self.document = openapi()
        self.kept = Counter[str]()
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), method, operation)
            for path, method, operation in sorted(operations(self.document), key=lambda row: row[0].count("{"))
        ]

    async def hold(self, answer: httpx2.Response) -> None:
        path, method = answer.request.url.path, answer.request.method.lower()
        if path.startswith("/sandbox"):
            return
        (told, *_) = (o for pattern, verb, o in self._paths if verb == method and pattern.fullmatch(path))
        status = str(answer.status_code)
        assert status in told["responses"], f"{told['operationId']} answers {status}, which is nowhere told"
        await answer.aread()
        contents = told["responses"][status].get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        assert kind in contents or (not contents and not answer.content), (told["operationId"], status, kind)
        if kind.endswith("json"):
            errors = [e.message for e in validator(self.document, contents[kind]["schema"]).iter_errors(answer.json())]
            assert not errors, (told["operationId"], status, errors)
        self.kept[f"{told['operationId']} {status}"] += 1
