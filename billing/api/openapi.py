"""The served OpenAPI document: Ninja's, completed by what each operation was declared with."""

from functools import cache
from typing import Any, cast

from ninja.openapi.schema import OpenAPISchema
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from billing.api import idempotency
from billing.api.access import WORKSPACE_HEADER
from billing.api.calls import METERED_HEADERS
from billing.api.problems import CODES, CONTENT_TYPE
from billing.api.schemas.examples import BODIES

ANSWER = "NinjaResponseSchema"  # how Ninja calls what it wraps the model of an answer in
REF = "#/components/schemas/{model}"
DESCRIPTION = """\
Record usage, ask what it costs, and read balances. Amounts are credits as exact JSON numbers of at most 9 decimals;
fields ending in `_nano` carry the same as a string of nano-credits. Times are RFC 3339 in UTC. Errors are problem
documents (RFC 9457) with a stable `code`; nothing is ever charged on an error. Writes are idempotent: the same
`event_id` is charged once, holds go by the `Idempotency-Key` header; a repeat returns the first answer with
`Idempotent-Replay: true`."""

TITLES = {
    400: "Malformed request",
    401: "No valid key",
    402: "Not covered",
    403: "The key may not do this",
    404: "Not found",
    409: "Reused id with another body, a resolved hold, as many open holds as there may be, or no such change now",
    413: "Body too large",
    415: "Body is of a type that is not taken here",
    422: "Cannot be priced or booked",
    429: "Rate limit reached, or as many requests running as the plan allows",
    500: "A fault of the portal",
    503: "Temporarily unavailable",
}
# Paths that some clients were written against; the same views (urls.py).
ALIASES = {
    "/v1/usage/estimate": "/api/v1/usage/estimate",
    "/api/stripe/create-checkout-session": "/api/v1/credits/checkout",
    "/api/auto-top-up/settings": "/api/v1/auto-top-up/settings",
    "/api/invoices/list": "/api/v1/invoices/list",
    "/api/invoices/{invoice}": "/api/v1/invoices/{invoice}",
}
# What can be done with an id that was answered: operation, its parameter, where the id stands in the answer.
_HOLD = [
    (name, "hold_id", "$response.body#/hold")
    for name in ("usage_hold", "usage_hold_settle", "usage_hold_release", "usage_hold_extend")
]
_WORKSPACE = [
    (name, "workspace", "$response.body#/id")
    for name in ("workspaces_get", "workspaces_grant", "workspaces_portal_session")
]
_RESOURCE = [(name, "external_id", "$response.body#/external_id") for name in ("resources_get", "resources_delete")]
LINKS = {
    "usage_record": {"201": [("usage_receipt", "event_id", "$response.body#/event_id")]},
    "usage_hold_settle": {"201": [("usage_receipt", "event_id", "$response.body#/event_id")]},
    "usage_authorize": {"201": _HOLD},
    "workspaces_create": {"201": _WORKSPACE},
    "resources_put": {"201": _RESOURCE},
}


class _Schema(OpenAPISchema):
    """Describes each kind of answer once: Ninja wraps the problem document anew for every status of every operation,
    and pydantic would take several seconds to describe it four hundred times.
    """

    def __init__(self, api: Any, path_prefix: str) -> None:
        self._answers: dict[tuple[Any, ...], tuple[dict[str, Any], bool]] = {}
        super().__init__(api, path_prefix)

    def _create_schema_from_model(self, model: Any, *args: Any, **options: Any) -> tuple[dict[str, Any], bool]:
        if model.__name__ != ANSWER:
            return super()._create_schema_from_model(model, *args, **options)
        key = (model.model_fields["response"].annotation, args, *sorted(options.items()))
        if key not in self._answers:
            self._answers[key] = super()._create_schema_from_model(model, *args, **options)
        schema, required = self._answers[key]
        return dict(schema), required


@cache
def document() -> dict[str, Any]:
    """The whole document. Operations do not change while a process runs."""
    from billing.api.service import api  # the routers import this package's declarations

    schema: dict[str, Any] = dict(_Schema(api, "/api/v1"))
    schema["info"] = {"title": "Purser API", "version": "1", "description": DESCRIPTION}
    schema["servers"] = [{"url": "/"}]
    models: list[type[BaseModel]] = []
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            operations[method] = _complete(dict(operation), models)
    _add_schemas(schema["components"]["schemas"], models)
    for path, same in ALIASES.items():
        schema["paths"][path] = _again(schema["paths"][same])
    schema["paths"] |= _own_paths()
    return schema


def _complete(operation: dict[str, Any], models: list[type[BaseModel]]) -> dict[str, Any]:
    declared = operation.pop("x-purser")
    operation["parameters"] = [
        *_required(operation.get("parameters", [])),
        *([] if declared["for_operator"] else [_workspace_header()]),
        *([_idempotency_header(required=declared["idempotent"] == "always")] if declared["idempotent"] else []),
        *(_text_header(name, text) for name, text in declared["headers"].items()),
        *_query(declared["query"]),
    ]
    if declared["bodies"]:
        models += declared["bodies"].values()
        content: dict[str, Any] = {
            kind: {"schema": {"$ref": REF.format(model=model.__name__)}} for kind, model in declared["bodies"].items()
        }
        if operation["operationId"] in BODIES:
            first = next(iter(content.values()))
            first["examples"] = {"example": {"value": BODIES[operation["operationId"]]}}
        operation["requestBody"] = {"required": not declared["body_optional"], "content": content}
    operation["responses"] = {
        str(status): _response(status, dict(response), declared) for status, response in operation["responses"].items()
    }
    for status, links in LINKS.get(operation["operationId"], {}).items():
        operation["responses"][status]["links"] = {
            name: {"operationId": name, "parameters": {parameter: value}} for name, parameter, value in links
        }
    text = operation.get("description", "")
    whose = ", which service keys alone can have" if declared["for_operator"] else ""
    operation["description"] = f"{text}\n\nScope: `{declared['scope']}`{whose}.".strip()
    return operation


def _required(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**parameter, "required": True} for parameter in parameters if parameter["in"] == "path"]


def _workspace_header() -> dict[str, Any]:
    return {
        "in": "header",
        "name": WORKSPACE_HEADER,
        "required": False,
        "schema": {"type": "string", "maxLength": 120},
        "description": "Service keys only: the workspace's id or your external id of it.",
    }


def _idempotency_header(*, required: bool) -> dict[str, Any]:
    return {
        "in": "header",
        "name": idempotency.HEADER,
        "required": required,
        "schema": {"type": "string", "pattern": idempotency.PATTERN},
        "description": "Your own name of this request: sent again with it, it is done once and answered the same.",
    }


def _text_header(name: str, text: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": text}


def _query(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(by_alias=True)
    required = schema.get("required", [])
    return [
        {
            "in": "query",
            "name": name,
            "required": name in required,
            "schema": _without_null(details),
            **({"description": details["description"]} if "description" in details else {}),
        }
        for name, details in schema.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent or a text, never null."""
    schema = {name: value for name, value in schema.items() if name not in ("title", "description")}
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if schema.get("default", "") is None:
        schema.pop("default")
    if len(options) == 1:
        return {**{name: value for name, value in schema.items() if name != "anyOf"}, **options[0]}
    return {**schema, "anyOf": options} if options else schema


def _response(status: int, response: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    headers = {name: _header(text) for name, text in METERED_HEADERS.items()}
    if status >= 400:
        response["description"] = TITLES[status]
        response["content"] = {CONTENT_TYPE: {"schema": {"$ref": REF.format(model="ProblemDocument")}}}
        if status in (429, 503):
            headers["Retry-After"] = _header("Seconds to wait.", required=status == 429)
        if status == 401:
            headers["WWW-Authenticate"] = {"required": True, "schema": {"type": "string"}}
    else:
        response["content"] = {declared["content_type"]: response["content"]["application/json"]}
        if declared["csv"]:
            response["content"]["text/csv"] = {"schema": {"type": "string"}}
        for kind in declared["files"]:
            response["content"][kind] = {"schema": {"type": "string", "format": "binary"}}
    if (status == 201 and declared["replays"]) or (declared["idempotent"] and status < 300):
        headers["Idempotent-Replay"] = {
            "description": "`true` when this is the first answer once more.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    response["headers"] = headers
    return response


def _header(text: str, *, required: bool = True) -> dict[str, Any]:
    # Written as a pattern: a header is a text on the wire, whatever a client makes of it.
    schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
    return {"description": text, "required": required, "schema": schema}


def _add_schemas(schemas: dict[str, Any], models: list[type[BaseModel]]) -> None:
    _, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], by_alias=True, ref_template=REF
    )
    schemas |= definitions.get("$defs", {})
    schemas["ProblemDocument"]["properties"]["code"] = {"type": "string", "enum": sorted(CODES)}


def _again(operations: dict[str, Any]) -> dict[str, Any]:
    return {
        method: {**operation, "operationId": operation["operationId"] + "_short"}
        for method, operation in operations.items()
    }


def _own_paths() -> dict[str, Any]:
    content = {"application/json": {"schema": cast(dict[str, Any], {"type": "object"})}}
    return {
        "/api/v1/openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document",
                "tags": ["Reference"],
                "security": [],
                "responses": {"200": {"description": "OK", "content": content}},
            }
        }
    }
