"""The human reference, made from the OpenAPI document: what the page at /api/v1/docs shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from billing.api import jsontext
from billing.api.openapi import ALIASES
from billing.api.problems import CODES, Code
from billing.api.schemas.examples import BODIES, QUERIES

ARGUMENTS = {
    "{event_id}": "req_8f",
    "{hold_id}": "hold_4711",
    "{workspace}": "crm-17",
    "{feature}": "quality.premium",
    "{model}": "openai/gpt-4o-mini",
    "{invoice}": "INV-2027-000123",
    "{external_id}": "web-1",
}
ALWAYS_NAMED = ("workspaces_grant",)  # need an Idempotency-Key
NOT_SHOWN = ("/api/v1/openapi.json", *ALIASES)


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    statuses: list[tuple[str, str]]
    example: str


@dataclass(frozen=True)
class Section:
    name: str
    operations: list[Operation]


@dataclass(frozen=True)
class Reference:
    introduction: list[str]
    sections: list[Section]
    headers: list[tuple[str, str]]
    codes: list[tuple[str, Code]]


def build(document: dict[str, Any]) -> Reference:
    """The reference of a whole OpenAPI document."""
    schemas = document["components"]["schemas"]
    sections: dict[str, list[Operation]] = {}
    headers: dict[str, str] = {}
    for path, methods in document["paths"].items():
        if path in NOT_SHOWN:
            continue
        for method, operation in methods.items():
            shown = _operation(method.upper(), path, operation, schemas)
            sections.setdefault(operation["tags"][0], []).append(shown)
            for response in operation["responses"].values():
                headers |= {name: header.get("description", "") for name, header in response["headers"].items()}
    return Reference(
        introduction=document["info"]["description"].split("\n\n"),
        sections=[Section(name, operations) for name, operations in sections.items()],
        headers=sorted((name, text) for name, text in headers.items() if text),
        codes=list(CODES.items()),
    )


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Operation:
    name = operation["operationId"]
    bodies = operation.get("requestBody", {}).get("content", {})
    body = next((content["schema"] for content in bodies.values()), None)
    success = next(response for status, response in operation["responses"].items() if status < "300")
    return Operation(
        anchor=name.replace("_", "-"),
        method=method,
        path=path,
        summary=operation["summary"],
        paragraphs=[part for part in operation["description"].split("\n\n") if part],
        parameters=[
            Field(item["name"], kind(item["schema"], schemas), item["required"], item.get("description", ""))
            for item in operation["parameters"]
        ],
        body=list(fields(body, schemas)) if body else [],
        answer=list(fields(next(iter(success["content"].values()))["schema"], schemas)),
        statuses=[(status, response["description"]) for status, response in operation["responses"].items()],
        example=_example(method, path, name, next(iter(bodies), "")),
    )


def fields(schema: dict[str, Any], schemas: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Field]:
    """The fields of an object and of the objects in it, with dotted names."""
    schema = _resolved(schema, schemas)
    required = schema.get("required", [])
    for name, details in schema.get("properties", {}).items():
        text = details.get("description", "")
        yield Field(prefix + name, kind(details, schemas), name in required, text)
        inner, mark = (details["items"], "[].") if details.get("type") == "array" else (details, ".")
        if depth < 2 and "properties" in _resolved(inner, schemas):
            yield from fields(inner, schemas, f"{prefix}{name}{mark}", depth + 1)


def kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A schema's type in a few words."""
    schema = _resolved(schema, schemas)
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(option, schemas) for option in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'], schemas)}"
    return str(schema.get("format") or schema.get("type") or "any")


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = schemas[schema["$ref"].rsplit("/", 1)[-1]]
        return found
    return schema


def _example(method: str, path: str, name: str, content_type: str) -> str:
    url = f"{settings.SITE_URL}{path}"
    url = f"'{url}{QUERIES[name]}'" if name in QUERIES else url  # a shell ends a command at &
    lines = [f"curl {url}", '-H "Authorization: Bearer $PURSER_KEY"']
    for argument, example in ARGUMENTS.items():
        lines[0] = lines[0].replace(argument, example)
    if name in ALWAYS_NAMED:
        lines.append("-H 'Idempotency-Key: goodwill-17'")
    if method != ("POST" if name in BODIES else "GET"):  # what curl does by itself
        lines.insert(1, f"-X {method}")
    if name in BODIES:
        lines += [f"-H 'Content-Type: {content_type}'", f"-d '{_shown(BODIES[name])}'"]
    return " \\\n  ".join(lines)


def _shown(body: dict[str, Any]) -> str:
    """A body with a line per field, and per item of a list."""
    lines = []
    for name, value in body.items():
        if isinstance(value, list):
            items = ",\n    ".join(jsontext.dumps(item) for item in value)
            lines.append(f'"{name}": [\n    {items}\n  ]')
        else:
            lines.append(f'"{name}": {jsontext.dumps(value)}')
    return "{\n  " + ",\n  ".join(lines) + "\n}"
