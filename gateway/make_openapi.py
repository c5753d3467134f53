"""Makes the document of the whole API of what each service says of its own calls: `make openapi`.

It is written to the gateway's package, where it is the list of what the gateway relays. It is
made in development, not when the gateway runs: the gateway knows no other service's code.
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from gateway.application.ports import StoreUnavailable
from gateway.interface.limits import LIMIT_HEADERS, LIMIT_REFUSALS
from gateway.interface.problems import MISSING_SCOPE, UNAUTHENTICATED
from gateway.interface.problems import PROBLEMS as KEY_PROBLEMS
from gateway.keys import open_keys
from gateway.main import own_routes
from gateway.relay.problems import PROBLEMS, UNSUPPORTED_ENCODING
from gateway.settings import GatewaySettings
from notification_contracts.http.scopes import NEEDS_NO_KEY, SCOPE_FIELD, scope_of
from notification_dispatcher.main import build as build_dispatcher
from notification_dispatcher.settings import settings_class as dispatcher_settings
from notification_publisher.main import build as build_publisher
from notification_publisher.settings import PublisherSettings
from service_kit.http.app import build_app
from service_kit.http.openapi_document import document_of
from service_kit.http.openapi_parts import (
    REQUEST_ID_HEADER,
    JsonObject,
    Responses,
    add_header,
    add_refusals,
    refusals,
    with_schemas,
)
from user_service.main import build as build_user_service
from user_service.settings import UserServiceSettings

TARGET: Final = Path(__file__).parent / "src" / "gateway" / "openapi.json"

DESCRIPTION: Final = """\
Tell people things, by e-mail, SMS, push, webhook or chat, and know what became of it.

`POST /notifications` answers `202` with a **trace id**. It finds the notification again in every
call, log line and stream, until it has ended: sent, delivered, failed with a reason, cancelled or
expired. What has failed is a **dead letter**, kept until someone replays or deletes it.

Bodies are JSON, whatever the request's `Content-Type`, and at most 1.5 MiB. Errors are
`application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable
`code`; `503` comes with `Retry-After`. A request's `X-Request-ID` is taken over, or made, and
returned.

With `GATEWAY_AUTH=keys` a call needs an API key, `Authorization: Bearer an_live_…`, whose scopes
have the call's `x-scope`; `admin` has all. A call without `security` never needs one. What is
refused at the door, whatever the call: `421` for a name in `Host` that is none of its own, `403`
for a page from elsewhere that would change something, `503` with too many connections or streams.
A query parameter that a call does not know is `422`.
"""
TAGS: Final = (
    {"name": "notifications", "description": "Send, find, cancel, follow."},
    {"name": "dead letters", "description": "The operator's side: what was given up."},
    {"name": "pipeline", "description": "The operator's side: what waits where, and for how long."},
    {"name": "providers", "description": "The operator's side: who carries the messages."},
    {"name": "webhooks", "description": "Who is told of status changes."},
    {"name": "users", "description": "Where people are reached."},
    {"name": "address health", "description": "The operator's side: who is not sent to, and why."},
    {"name": "keys", "description": "Who may do what, and who did what."},
    {"name": "health", "description": "Is it alive, can it work, how much has it done."},
    {"name": "documentation", "description": "This page, and what it shows."},
)
SECURITY_SCHEMES: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `an_live_…` or `an_test_…`. What it may do is its scopes.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "asyncnotify_session",
        "description": "What `POST /session` gives a browser for a key, for a while.",
    },
}
KEY_REFUSALS: Final = (UNAUTHENTICATED, MISSING_SCOPE)
CHALLENGE_HEADER: Final = ("WWW-Authenticate", "`Bearer`, and what was wrong.")
_OVER_LIMIT: Final = "over_limit"
_AFTER_503: Final = (
    "After `upstream_timeout` and `upstream_failed` it may have been done all the same. Any call "
    "may be repeated; give `POST /notifications` an `Idempotency-Key` for that."
)


def owners() -> dict[str, FastAPI]:
    """Build the services whose calls the gateway relays, by name; none of them is started."""
    return {
        "notification-publisher": build_publisher(PublisherSettings(broker_url="memory://")),
        "notification-dispatcher": build_dispatcher(dispatcher_settings()(broker_url="memory://")),
        "user-service": build_user_service(UserServiceSettings(users_database_url="memory://")),
    }


def merged(services: Mapping[str, FastAPI]) -> JsonObject:
    """Make one document: the public calls of the services, and the gateway's own."""
    own = document_of(
        build_app(
            service="gateway",
            title="AsyncNotify",
            version=version("gateway"),
            routers=own_routes("", open_keys(GatewaySettings())),
            problems={},
            checks={},
        )
    )
    paths: JsonObject = {}
    schemas = own["components"]["schemas"]
    for service, app in services.items():
        document = document_of(app)
        for path, item in document["paths"].items():
            public = {method: call for method, call in item.items() if "x-internal" not in call}
            if public and path not in own["paths"]:
                paths[path] = {method: _relayed(call, service) for method, call in public.items()}
                _gather(schemas, paths[path], document["components"]["schemas"])
    return {
        "openapi": own["openapi"],
        "info": {
            **own["info"],
            "description": DESCRIPTION,
            "contact": {"name": "The operator of this gateway"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Wherever this document comes from."}],
        "tags": list(TAGS),
        "paths": _locked({**paths, **_own_calls(own["paths"])}),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": _key_refusals(),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _own_calls(paths: JsonObject) -> JsonObject:
    """Say of health that it needs no key: the kit, which has it, knows no scopes."""
    for path, item in paths.items():
        for call in item.values():
            if path.startswith("/health/"):
                call.update(NEEDS_NO_KEY)
    return paths


def _locked(paths: JsonObject) -> JsonObject:
    """Say of each call which scope a key needs for it.

    Raises:
        ValueError: a call that changes something does not say which.
    """
    for path, item in paths.items():
        for method, call in item.items():
            try:
                scope = scope_of(method, call)
            except ValueError as error:
                message = f"{method.upper()} {path}: its openapi_extra has to say needs(Scope.…)"
                raise ValueError(message) from error
            if scope is not None:
                call[SCOPE_FIELD] = scope.value
                call["responses"] = _refusable(call["responses"])
            call["security"] = [{each: [scope.value]} for each in SECURITY_SCHEMES] if scope else []
    return paths


def _refusable(responses: Responses) -> Responses:
    """Say of a locked call how who asks may be refused; what all say alike is referred to."""
    add_refusals(responses, KEY_PROBLEMS[StoreUnavailable])
    add_header({"503": responses["503"]}, *REQUEST_ID_HEADER)
    for problem in KEY_REFUSALS:
        status = str(problem.status)
        if status in responses:
            add_refusals(responses, problem)
            add_header({status: responses[status]}, *CHALLENGE_HEADER)
        else:
            responses[status] = {"$ref": f"#/components/responses/{problem.code}"}
    responses["429"] = {"$ref": f"#/components/responses/{_OVER_LIMIT}"}
    return {status: responses[status] for status in sorted(responses, key=str)}


def _key_refusals() -> JsonObject:
    """Describe what most locked calls refer to."""
    found: JsonObject = {}
    for problem in KEY_REFUSALS:
        described = refusals(problem)
        add_header(described, *CHALLENGE_HEADER)
        add_header(described, *REQUEST_ID_HEADER)
        [found[problem.code]] = described.values()
    over_limit = refusals(*LIMIT_REFUSALS)
    for name, meaning in LIMIT_HEADERS.items():
        add_header(over_limit, name, meaning)
    add_header(over_limit, *REQUEST_ID_HEADER)
    [found[_OVER_LIMIT]] = over_limit.values()
    return found


def rendered(document: JsonObject) -> str:
    """Give the text of the document's file."""
    return json.dumps(with_schemas(document), indent=1, ensure_ascii=False) + "\n"


def _relayed(call: JsonObject, service: str) -> JsonObject:
    """Add to a call what its relay does: where it goes, and how that may fail."""
    responses = call["responses"]
    if "requestBody" in call:
        add_refusals(responses, UNSUPPORTED_ENCODING)
        add_header({"415": responses["415"]}, "Accept-Encoding", "`identity`")
    add_refusals(responses, *PROBLEMS.values())
    responses["503"]["description"] += f" {_AFTER_503}"
    add_header(responses, *REQUEST_ID_HEADER)
    return {**call, "responses": dict(sorted(responses.items())), "x-service": service}


def _gather(found: JsonObject, node: object, schemas: JsonObject) -> None:
    """Take over the schemas that a part of a service's document refers to.

    Raises:
        ValueError: another service has a different schema of the same name.
    """
    if isinstance(node, list):
        for each in node:
            _gather(found, each, schemas)
    if not isinstance(node, dict):
        return
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name and found.get(name) != schemas[name]:
        if name in found:
            message = f"the services describe {name} in different ways"
            raise ValueError(message)
        found[name] = schemas[name]
        _gather(found, schemas[name], schemas)
    for each in node.values():
        _gather(found, each, schemas)


def main() -> None:
    """Write the file."""
    TARGET.write_text(rendered(merged(owners())))


if __name__ == "__main__":
    main()
