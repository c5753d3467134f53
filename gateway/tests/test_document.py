import json
import re
from datetime import UTC, datetime

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute
from gateway.document import document_text
from gateway.main import build
from gateway.settings import GatewaySettings
from schemathesis.openapi import from_dict
from service_kit.http.openapi_parts import with_times

# Clients count on these; there may be more.
PUBLIC = """
POST /notifications
GET /notifications
POST /notifications/forget
GET /notifications/{trace_id}
DELETE /notifications/{trace_id}
GET /notifications/{trace_id}/events
GET /events
GET /dead-letters
GET /dead-letters/{trace_id}
POST /dead-letters/{trace_id}/replay
POST /dead-letters/replay
DELETE /dead-letters/{trace_id}
GET /providers
POST /receipts/{provider}
POST /providers/{channel}/test
GET /users
GET /users/{user_id}
PUT /users/{user_id}
DELETE /users/{user_id}
GET /users/{user_id}/contact-info
GET /health/live
GET /health/ready
GET /metrics
GET /docs
GET /openapi.json
""".strip().splitlines()


@pytest.fixture(scope="module")
def document():
    return json.loads(with_times(document_text(), datetime.now(UTC)))


@pytest.fixture(scope="module")
def operations(document):
    """Every call, with the answers that it refers to."""
    shared = document["components"]["responses"]

    def resolved(response):
        return shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response

    return {
        f"{method.upper()} {path}": operation
        | {"responses": {code: resolved(each) for code, each in operation["responses"].items()}}
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    if isinstance(node, list):
        for item in node:
            yield from references(item)


def test_the_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    from_dict(document).validate()


def test_no_call_that_clients_count_on_is_missing(operations):
    assert set(PUBLIC) <= set(operations)


def test_the_gateway_answers_exactly_the_calls_that_are_in_it(operations):
    pages = {"GET /docs/{asset}", "GET /", "GET /room/{path:path}"}
    routes = [route for route in build(GatewaySettings()).routes if isinstance(route, APIRoute)]

    answered = {f"{method} {route.path}" for route in routes for method in route.methods}
    assert answered == {*operations, *pages}
    assert len(routes) == len(build(GatewaySettings()).routes)


def test_every_reference_leads_to_a_schema(document):
    parts = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in document["components"][kind]
    }

    assert set(references(document)) <= parts


def test_every_call_says_what_it_does(operations):
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)


def test_every_parameter_of_a_path_is_described(operations):
    for name, operation in operations.items():
        in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert in_path == {part[1:-1] for part in name.split("/") if part.startswith("{")}, name


def test_every_error_is_a_problem_document(operations):
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_relayed_call_may_find_its_service_down(operations):
    own = {"GET /docs", "GET /openapi.json", "GET /metrics", "GET /health/live"}
    for name in set(operations) - own:
        assert "503" in operations[name]["responses"], name


def test_examples_fit_their_schemas(document, operations):
    contents = [
        content
        for operation in operations.values()
        for body in (operation.get("requestBody", {}), *operation["responses"].values())
        for media_type, content in body.get("content", {}).items()
        if "json" in media_type
    ]

    for content in contents:
        schema = {**content["schema"], "components": document["components"]}
        examples = [example["value"] for example in content.get("examples", {}).values()]
        for example in (*examples, *([content["example"]] if "example" in content else [])):
            jsonschema_rs.validate(schema, example)


def test_it_says_where_it_is_served_and_who_is_responsible(document):
    assert document["servers"] == [
        {"url": "/", "description": "Wherever this document comes from."}
    ]
    assert document["info"]["contact"]


def test_every_call_says_which_scope_it_needs_and_few_need_none(operations):
    assert {name for name, call in operations.items() if call["x-scope"] == "none"} == {
        "POST /receipts/{provider}",
        "GET /health/live",
        "GET /health/ready",
        "GET /docs",
        "GET /openapi.json",
        "GET /session",
        "POST /session",
        "DELETE /session",
    }
    for name, call in operations.items():
        scope = call["x-scope"]
        expected = [] if scope == "none" else [{"key": [scope]}, {"session": [scope]}]
        assert call["security"] == expected, name
        assert scope != "read" or name.startswith("GET "), name


def test_operation_ids_are_names_that_a_generated_client_may_have(operations):
    for operation in operations.values():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"])
        assert "_health_" not in operation["operationId"]


def test_examples_of_invalid_requests_name_bad_fields_and_all_have_a_detail(operations):
    examples = [
        (status, example["value"])
        for operation in operations.values()
        for status, response in operation["responses"].items()
        for example in response.get("content", {})
        .get("application/problem+json", {})
        .get("examples", {})
        .values()
    ]

    assert examples
    for status, example in examples:
        assert example["status"] == int(status)
        assert example["detail"]
        assert ("errors" in example) == (example["code"] == "invalid_request")


def test_examples_of_times_are_ahead(operations):
    later = operations["POST /notifications"]["requestBody"]["content"]["application/json"][
        "examples"
    ]["later"]["value"]

    assert datetime.now(UTC) < datetime.fromisoformat(later["send_at"])
    assert datetime.fromisoformat(later["send_at"]) < datetime.fromisoformat(later["expires_at"])
