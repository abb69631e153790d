"""The description of the service: sound by the rules of OpenAPI 3.1, complete, and true of what is answered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from watchkeeper.domain.plain import plain_alert
from watchkeeper.server import openapi
from watchkeeper.server.problems import KINDS, PROBLEM
from watchkeeper.server.routes import ROUTES
from watchkeeper.server.schemas import COMPONENTS

from .served_project import served

DOCS = Path(__file__).parents[2] / "docs"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
SCHEMA = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
CONTENT = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^[a-z]+/[a-z0-9.+-]+$"},
    "additionalProperties": {"type": "object", "required": ["schema"], "properties": {"schema": SCHEMA}},
}
PARAMETER = {
    "type": "object",
    "required": ["name", "in", "schema"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "in": {"enum": ["query", "header", "path", "cookie"]},
        "required": {"type": "boolean"},
        "description": {"type": "string"},
        "schema": SCHEMA,
    },
    "if": {"properties": {"in": {"const": "path"}}},
    "then": {"required": ["required"], "properties": {"required": {"const": True}}},
    "additionalProperties": False,
}
OPERATION = {
    "type": "object",
    "required": ["operationId", "summary", "tags", "responses", "security"],
    "properties": {
        "operationId": {"pattern": "^[a-z][A-Za-z]+$"},
        "summary": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "uniqueItems": True},
        "parameters": {"type": "array", "items": PARAMETER},
        "requestBody": {
            "type": "object",
            "required": ["content"],
            "properties": {"required": {"type": "boolean"}, "content": CONTENT},
            "additionalProperties": False,
        },
        "responses": {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {
                "^[1-5][0-9][0-9]$": {
                    "type": "object",
                    "required": ["description"],
                    "properties": {"description": {"type": "string", "minLength": 1}, "content": CONTENT},
                    "additionalProperties": False,
                }
            },
            "additionalProperties": False,
        },
        "security": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "array"}}},
    },
    "additionalProperties": False,
}
RULES = {
    "$comment": "the rules of OpenAPI 3.1 for what is used of it, https://spec.openapis.org/oas/v3.1.0",
    "type": "object",
    "required": ["openapi", "info", "paths"],
    "properties": {
        "openapi": {"pattern": r"^3\.1\.[0-9]+$"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "properties": {name: {"type": "string"} for name in ("title", "version", "description")},
            "additionalProperties": False,
        },
        "paths": {
            "type": "object",
            "propertyNames": {"pattern": "^/"},
            "additionalProperties": {
                "type": "object",
                "propertyNames": {"enum": sorted(METHODS)},
                "additionalProperties": OPERATION,
            },
        },
        "components": {
            "type": "object",
            "propertyNames": {"enum": ["schemas", "securitySchemes"]},
            "properties": {
                "schemas": {
                    "type": "object",
                    "propertyNames": {"pattern": "^[a-zA-Z0-9._-]+$"},
                    "additionalProperties": SCHEMA,
                },
                "securitySchemes": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["type", "scheme"],
                        "properties": {"type": {"const": "http"}, "scheme": {"type": "string"}},
                    },
                },
            },
        },
    },
    "additionalProperties": False,
}
BASE = "urn:watchkeeper:description"


@pytest.fixture(scope="module")
def description():
    return json.loads(json.dumps(openapi.described(ROUTES, "0")))


def operations(description):
    return [
        (path, method, operation) for path, found in description["paths"].items() for method, operation in found.items()
    ]


def references(found):
    if isinstance(found, dict):
        if "$ref" in found:
            yield found["$ref"]
        for value in found.values():
            yield from references(value)
    elif isinstance(found, list):
        for value in found:
            yield from references(value)


def resolved(schema, description):
    """The schema beside the components that it may refer to."""
    return {**schema, "components": description["components"]}


def test_it_keeps_the_rules_of_openapi(description):
    Draft202012Validator.check_schema(RULES)
    wrong = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(RULES).iter_errors(description)]
    assert wrong == []
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_to_a_component_and_every_component_is_used(description):
    found = {reference.removeprefix("#/components/schemas/") for reference in references(description)}
    assert found == set(COMPONENTS)


def test_every_parameter_of_a_path_is_described_and_no_other(description):
    for path, _, operation in operations(description):
        named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        assert re.findall(r"{(\w+)}", path) == named, path


def test_names_of_operations_are_used_once(description):
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names)) == len(ROUTES) + 1


def test_every_route_is_described_with_its_answers_and_problems(description):
    for route in ROUTES:
        operation = description["paths"][route.path][route.method.lower()]
        told = set(operation["responses"])
        assert {str(status) for status in route.answers} <= told
        assert {"422", "500", "503"} <= told
        if not route.is_open:
            assert {"401", "403"} <= told
            assert operation["security"] == [{"token": []}, {}]
        if route.body is not None:
            assert {"408", "413", "415"} <= told
            assert "requestBody" in operation
        for status in told - {str(status) for status in route.answers}:
            assert set(operation["responses"][status]["content"]) == {PROBLEM}
            assert int(status) in KINDS


def test_every_field_of_an_alert_is_in_its_schema(project):
    assert set(plain_alert(project.fire())) == set(COMPONENTS["Alert"]["properties"])


def test_what_is_answered_is_what_is_described(project):
    """Every route is asked, well and badly; each answer fits the schema of its status."""
    fingerprint = project.fire().fingerprint
    wanted = {"matchers": ["model=momentum"], "for": "1h", "comment": "x"}
    with served(is_delivering=True) as client:
        description = client.described()
        silence = client.post("/api/v1/silences", wanted).content["id"]
        asked = {
            "isAlive": [("/healthz", None), ("/healthz?x=1", None)],
            "isReady": [("/readyz", None)],
            "listAlerts": [("/api/v1/alerts", None), ("/api/v1/alerts?limit=0", None)],
            "groupAlerts": [("/api/v1/alerts/groups?by=rule", None)],
            "showAlert": [(f"/api/v1/alerts/{fingerprint}", None), ("/api/v1/alerts/none", None)],
            "acknowledgeAlert": [
                (f"/api/v1/alerts/{fingerprint}/acknowledge", {}),
                ("/api/v1/alerts/x/acknowledge", {}),
            ],
            "giveAlertBack": [(f"/api/v1/alerts/{fingerprint}/give-back", {"comment": "x"})] * 2,
            "commentOnAlert": [
                (f"/api/v1/alerts/{fingerprint}/comment", {"comment": "x"}),
                ("/api/v1/alerts/x/comment", {}),
            ],
            "resolveAlert": [(f"/api/v1/alerts/{fingerprint}/resolve", {})] * 2,
            "listSilences": [("/api/v1/silences", None)],
            "addSilence": [("/api/v1/silences", wanted), ("/api/v1/silences", {})],
            "endSilence": [(f"/api/v1/silences/{silence}", None)] * 2,
            "describe": [("/openapi.json", None)],
        }
        seen = set()
        for _, method, operation in operations(description):
            for path, body in asked[operation["operationId"]]:
                reply = client.ask(method.upper(), path, body)
                told = operation["responses"][str(reply.status)]["content"]
                kind = reply.headers["content-type"].partition(";")[0]
                Draft202012Validator(resolved(told[kind]["schema"], description)).validate(reply.content)
                seen.add(reply.status)
    assert seen >= {200, 201, 404, 409, 422}


def test_the_documentation_names_every_route_parameter_and_refusal(description):
    page = (DOCS / "reference" / "http-api.md").read_text(encoding="utf-8")
    for path, method, operation in operations(description):
        assert f"`{method.upper()} {path}`" in page
        for one in operation.get("parameters", ()):
            assert f"`{one['name']}`" in page or f"{{{one['name']}}}" in page, one["name"]
        for status in operation["responses"]:
            assert status in page
