"""Events as they are posted.

Sources:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Mapping
from typing import Any, Final

from notification_contracts.webhooks import WebhookFormat
from notification_ledger.webhooks.endpoints import WebhookEvent
from pydantic_core import to_json

_TYPE_PREFIX: Final = "asyncnotify."
_DEFAULT_SOURCE: Final = "urn:asyncnotify"


def content_of(
    event: WebhookEvent, format_: WebhookFormat, source: str | None
) -> tuple[str, bytes]:
    """Return the content type and the body of an event, the same whenever it is asked for.

    `source` is the URL of this system, for CloudEvents.
    """
    if format_ is WebhookFormat.CLOUDEVENTS:
        return "application/cloudevents+json", to_json(_cloud_event(event, source))
    said = {"type": event.kind, "timestamp": event.at, "data": event.data}
    return "application/json", to_json(said)


def _cloud_event(event: WebhookEvent, source: str | None) -> Mapping[str, Any]:
    subject = {"subject": event.trace_id} if event.trace_id else {}
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": source or _DEFAULT_SOURCE,
        "type": f"{_TYPE_PREFIX}{event.kind}",
        "time": event.at,
        **subject,
        "datacontenttype": "application/json",
        "data": event.data,
    }
