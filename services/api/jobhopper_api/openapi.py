"""The OpenAPI 3.1 document, made from the operations and the types of the wire format."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobhopper_api.http.problems import CONTENT_TYPE
from jobhopper_api.operations import Operation
from jobhopper_api.wire import fields
from jobhopper_api.wire.answers import (
    Claims,
    Created,
    CreatedMany,
    JobPage,
    JobView,
    OnItsWay,
    Problem,
    Updated,
)
from jobhopper_api.wire.requests import GOES_WITH, BatchUpdate, OperatorUpdate, WorkerUpdate
from jobhopper_core.model.limits import BODY_MAX, HEADER_MAX, QUEUE_PATTERN

_PROBLEMS = {
    400: "What came is not HTTP, or ended too early.",
    401: "No API key, or one that is unknown.",
    403: "The key lacks the scope for this queue.",
    408: "The body did not arrive in time.",
    413: f"The body is larger than {BODY_MAX} bytes.",
    415: "The body is not application/json.",
    421: "An open server was called by a name that is not this machine's.",
    422: "A field is wrong; `errors` names it.",
    431: f"The request's head is larger than {HEADER_MAX} bytes.",
    500: "A fault of ours; the log says why.",
    503: "A store can't be reached in time; try again after `Retry-After`.",
}
_BODY_PROBLEMS = {408, 413, 415}
# Where a call answers in more than one shape.
_ANSWERS: dict[str, dict[int, tuple[type, ...]]] = {
    "create": dict.fromkeys((200, 201, 202), (Created, CreatedMany)),
    "read_job": {200: (JobView, OnItsWay)},
    "change_job": {200: (JobView, Updated), 202: (Updated,)},
}
_TEXT = {"schema": {"type": "string"}}
_SECONDS = {"schema": {"type": "integer"}}
_LOCATION = {"Location": {"description": "The path of what was made.", **_TEXT}}
_ANSWER_HEADERS: dict[str, dict[int, dict[str, Any]]] = {
    "create": {
        status: {"Location": {"description": "The path of the job, when one was sent.", **_TEXT}}
        for status in (200, 201, 202)
    },
    "create_key": {201: {"Location": {"required": True, **_LOCATION["Location"]}}},
}
_PROBLEM_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, **_TEXT}},
    409: {"Retry-After": {"description": "Seconds, where it passes.", **_SECONDS}},
    503: {"Retry-After": {"description": "Seconds.", "required": True, **_SECONDS}},
}
# What the types can't say: how the fields of these bodies go together.
_TOGETHER = {WorkerUpdate: 1, BatchUpdate: 2}


def described(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The document for `operations`."""
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jobhopper",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "A job queue that programs of any language use over HTTP.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The schemas of all types that the operations name."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        types = {t for one in operations for t in (*one.body, *_answer_types(one)) if t is not None}
        self._types = sorted(types | {Problem, Claims, JobPage}, key=lambda t: t.__name__)
        refs, self.components = msgspec.json.schema_components(
            self._types, ref_template="#/components/schemas/{name}"
        )
        self._refs = dict(zip(self._types, refs, strict=True))
        self.components = _tidied(self.components)
        for type_, fixed in _TOGETHER.items():
            found = self.components[type_.__name__]
            self.components[type_.__name__] = _by_status(found, fixed)
        self.components[OperatorUpdate.__name__]["minProperties"] = 1

    def of(self, types: Sequence[type]) -> dict[str, Any]:
        """The schema of any of `types`."""
        refs = [self._refs[one] for one in types]
        return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _answer_types(operation: Operation) -> list[type | None]:
    shapes = _ANSWERS.get(operation.handler.__name__, {})
    return [*operation.answers.values(), *(t for types in shapes.values() for t in types)]


def _by_status(schema: dict[str, Any], fixed: int) -> dict[str, Any]:
    """The schema of an update as one alternative a status; `fixed` fields come with each."""
    properties, required = schema["properties"], schema["required"]
    alternatives = []
    for status, names in GOES_WITH.items():
        one: dict[str, Any] = {name: properties[name] for name in (*required, *names)}
        if status is None:
            more: dict[str, Any] = {"required": required, "minProperties": fixed + 1}
        else:
            one["status"] = {"const": status}
            more = {"required": [*required, "status"]}
        title = f"{schema['title']}: {status or 'heartbeat'}"
        alternatives.append(
            {"title": title, "type": "object", "properties": one, "additionalProperties": False}
            | more
        )
    return {"description": schema["description"], "oneOf": alternatives}


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described_: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "description": f"Scope: {operation.scope}.",
        "parameters": [*_path(operation), *_query(operation), *_headers(operation)],
        "responses": {**_answers(operation, schemas), **_problems(operation, schemas)},
    }
    if operation.body:
        described_["requestBody"] = {
            "required": True,
            "description": f"At most {BODY_MAX} bytes.",
            "content": {"application/json": {"schema": schemas.of(operation.body)}},
            "x-maxBytes": BODY_MAX,
        }
    return described_


def _path(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(operation, name)}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]


def _path_schema(operation: Operation, name: str) -> dict[str, Any]:
    if name == "queue":
        return {"type": "string", "pattern": _plain(QUEUE_PATTERN)}
    if operation.path.startswith("/v1/jobs"):
        return {"type": "string", "format": "uuid", "pattern": _plain(fields.ID_PATTERN)}
    return {"type": "string", "minLength": 1}


def _query(operation: Operation) -> list[dict[str, Any]]:
    schema = _tidied(msgspec.json.schema(operation.query))
    properties = schema["$defs"][operation.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _without_null(one)}
        for name, one in properties.items()
    ]


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    # A parameter that is left out is None inside; on the wire there is no null.
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    plain = {k: v for k, v in schema.items() if k not in {"anyOf", "default"}}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    cleaned: dict[str, Any] = {**(kinds[0] if kinds else plain), **default}
    if "enum" in cleaned:
        cleaned["enum"] = [one for one in cleaned["enum"] if one is not None]
    return cleaned


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, **described_}
        for name, described_ in operation.headers.items()
    ]


def _answers(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    shapes = _ANSWERS.get(operation.handler.__name__, {})
    found: dict[str, Any] = {}
    for status, type_ in operation.answers.items():
        types = shapes.get(status, (type_,) if type_ is not None else ())
        content = {"application/json": {"schema": schemas.of(types)}} if types else None
        headers = _ANSWER_HEADERS.get(operation.handler.__name__, {}).get(status)
        found[str(status)] = (
            {"description": operation.summary}
            | ({"headers": headers} if headers else {})
            | ({"content": content} if content else {})
        )
    return found


def _problems(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    texts = {
        status: text
        for status, text in _PROBLEMS.items()
        if operation.body or status not in _BODY_PROBLEMS
    }
    texts |= {status: f"Codes: {codes}." for status, codes in operation.refusals.items()}
    content = {CONTENT_TYPE: {"schema": schemas.of([Problem])}}
    return {
        str(status): {"description": text, "content": content}
        | ({"headers": _PROBLEM_HEADERS[status]} if status in _PROBLEM_HEADERS else {})
        for status, text in sorted(texts.items())
    }


def _tidied(node: Any) -> Any:  # noqa: ANN401
    """The schema without our patterns' guard against a final newline, which JSON has no use for."""
    if isinstance(node, dict):
        return {
            k: _plain(v) if k == "pattern" and isinstance(v, str) else _tidied(v)
            for k, v in node.items()
        }
    return [_tidied(one) for one in node] if isinstance(node, list) else node


def _plain(pattern: str) -> str:
    return pattern.replace(r"$(?!\n)", "$")
