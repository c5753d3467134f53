"""The OpenAPI document of one service: its calls as they are declared, and what all have in common.

Each call takes the kit's refusals: of parameters that it does not know, of paths that are no UTF-8,
of bodies that are no JSON or too large. So no route has to declare them.
"""

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from service_kit.http.openapi_parts import (
    REQUEST_ID_HEADER,
    JsonObject,
    add_header,
    add_refusals,
    with_schemas,
)
from service_kit.http.paths import INVALID_PATH
from service_kit.http.problems import BODY_TOO_LARGE, INVALID_JSON, INVALID_REQUEST, MEDIA_TYPE

# What FastAPI says of invalid requests, which the kit answers with problem documents.
_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")


def document_of(app: FastAPI) -> JsonObject:
    """Describe all routes of `app`, with the schemas that they refer to.

    Raises:
        ValueError: two different schemas have the same name.
    """
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.responses = with_schemas(route.responses)
            route.openapi_extra = with_schemas(route.openapi_extra)
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    for path, item in document["paths"].items():
        for operation in item.values():
            _complete(path, operation)
    known = document.pop("components", {}).get("schemas", {})
    schemas = {name: each for name, each in known.items() if name not in _FASTAPI_ERRORS}
    _gather([document["paths"], *schemas.values()], schemas)
    document["components"] = {"schemas": dict(sorted(schemas.items()))}
    return document


def _complete(path: str, operation: JsonObject) -> None:
    responses = operation["responses"]
    if MEDIA_TYPE not in responses.get("422", {}).get("content", {MEDIA_TYPE: {}}):
        del responses["422"]
    add_refusals(responses, INVALID_REQUEST)
    if "{" in path:
        add_refusals(responses, INVALID_PATH)
    if "requestBody" in operation:
        add_refusals(responses, INVALID_JSON, BODY_TOO_LARGE)
    add_header(responses, *REQUEST_ID_HEADER)
    operation["responses"] = with_schemas(dict(sorted(responses.items())))
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _given(parameter["schema"])


def _given(schema: JsonObject) -> JsonObject:
    """Describe the value of a parameter that is given: null is not, whatever its default."""
    known = {name: part for name, part in schema.items() if name not in ("title", "description")}
    either = [each for each in known.pop("anyOf", []) if each != {"type": "null"}]
    if len(either) > 1:
        known["anyOf"] = either
    return {**known, **either[0]} if len(either) == 1 else known


def _gather(node: object, schemas: JsonObject) -> None:
    """Move what references brought along, and enumerations with a title, to `schemas`."""
    if isinstance(node, list):
        for each in node:
            _gather(each, schemas)
    if not isinstance(node, dict):
        return
    for name, schema in node.pop("$defs", {}).items():
        _gather(schema, schemas)
        _keep(name, schema, schemas)
    for key, each in node.items():
        _gather(each, schemas)
        if isinstance(each, dict) and {"enum", "title"} <= each.keys():
            _keep(each["title"], each, schemas)
            node[key] = {"$ref": f"#/components/schemas/{each['title']}"}


def _keep(name: str, schema: JsonObject, schemas: JsonObject) -> None:
    if schemas.setdefault(name, schema | {"title": name}) != schema | {"title": name}:
        message = f"two different schemas have the name {name}"
        raise ValueError(message)
