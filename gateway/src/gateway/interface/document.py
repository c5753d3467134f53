"""The OpenAPI document of the whole system."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from notification_contracts import http
from notification_contracts.channels import CHANNELS
from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from gateway.interface.operations import PROBLEM_JSON, JsonObject, reference

DESCRIPTION: Final = """\
Tell people things, by e-mail, SMS or push, and know what became of it.

`POST /notifications` answers `202` with a **trace id**. It finds the notification again in every
call, log line and stream, until it has ended: sent, delivered, failed with a reason, cancelled or
expired. What has failed is a **dead letter**, kept until someone replays or deletes it.

Bodies are JSON, whatever the request's `Content-Type`, and at most 128 KiB. Errors are
`application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable
`code`; `503` comes with `Retry-After`. A request's `X-Request-ID` is taken over, or made, and
returned.

There are no accounts and no keys: whoever reaches the gateway may use it. What it refuses at the
door, whatever the call: `421` for a name in `Host` that is none of its own, `403` for a page from
elsewhere that would change something, `503` with too many connections or streams. A query
parameter that a call does not know is `422`.
"""

TAGS: Final = (
    {"name": "notifications", "description": "Send, find, cancel, follow."},
    {"name": "dead letters", "description": "The operator's side: what was given up."},
    {"name": "users", "description": "Where people are reached."},
    {"name": "health", "description": "Is it alive, can it work, how much has it done."},
    {"name": "documentation", "description": "This page, and what it shows."},
)


def document_of(app: FastAPI) -> JsonObject:
    """Describe all routes of `app`, with the schemas that they refer to."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=list(TAGS),
        servers=[{"url": "/", "description": "Wherever this document comes from."}],
        contact={"name": "Whoever runs this gateway"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    document["components"]["schemas"] |= _schemas()
    # Nobody is asked who they are; to say so is better than to leave it open.
    document["security"] = []
    unready = document["paths"]["/health/ready"]["get"]["responses"]["503"]
    unready["content"] = {PROBLEM_JSON: {"schema": reference("Problem")}}
    return document


class _PlainSchema(GenerateJsonSchema):
    """Schemas under the names that clients know, without a title for each field."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix("View")

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's signature
        return False


def _schemas() -> JsonObject:
    asked: tuple[type[BaseModel], ...] = (
        http.NotificationRequest,
        http.ReplayRequest,
        http.ForgetRequest,
        create_model("Contact", __base__=http.contact_info_model(), user_id=(str | None, None)),
    )
    answered: tuple[type[BaseModel], ...] = (
        http.NotificationAccepted,
        http.NotificationView,
        http.ReplayedNotificationView,
        http.NotificationPage,
        http.DeadLetterPage,
        http.ReplayAnswer,
        http.ForgetAnswer,
        http.StatusChangeView,
        http.contact_info_model(),
        http.user_page_model(),
        http.ProblemView,
    )
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in asked),
        *((model, "serialization") for model in answered),
    ]
    _, definitions = models_json_schema(
        models, ref_template="#/components/schemas/{model}", schema_generator=_PlainSchema
    )
    schemas: JsonObject = definitions["$defs"]
    schemas["Channel"] = {"type": "string", "enum": list(CHANNELS)}
    return {name: {**schema, "title": name} for name, schema in schemas.items()}
