"""The document of the API, and the calls that it lists: they are what the gateway relays.

`make openapi` makes it of what each service says of its own calls.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from notification_contracts.http.scopes import NEEDS_NO_KEY, Scope, needs, scope_of
from service_kit.http.openapi_parts import COUNTED_BY, EVENT_STREAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A public call, and the service that answers it under the same method and path.

    Of one that passes `as_it_is`, the headers and the body are not ours to understand. With
    `removes` it removes what its path names, so that it is not found when it is repeated. Without
    a `scope` it needs no key. `counted_by` is the field of the answer that says how many things
    were changed; None if it is one.
    """

    name: str
    method: str
    path: str
    service: str
    has_body: bool
    is_stream: bool
    removes: bool
    as_it_is: bool
    may_wait: bool
    scope: Scope | None
    counted_by: str | None

    @property
    def extras(self) -> dict[str, Any]:
        """Return what is said of the scope and the count, as a route's `openapi_extra`."""
        said = NEEDS_NO_KEY if self.scope is None else needs(self.scope)
        return {**said, COUNTED_BY: self.counted_by} if self.counted_by else said


def document_text() -> str:
    """Read the document; the times in its examples are still those of `in_days`."""
    return (files("gateway") / "openapi.json").read_text("utf-8")


def relayed_calls(document: str) -> Sequence[Call]:
    """List the calls that services behind the gateway answer, in the document's order."""
    return [
        Call(
            name=call["operationId"],
            method=method.upper(),
            path=path,
            service=call["x-service"],
            has_body="requestBody" in call,
            is_stream=EVENT_STREAM in call["responses"].get("200", {}).get("content", {}),
            removes="x-removes" in call,
            as_it_is="x-as-it-is" in call,
            may_wait=any(each.get("name") == "Prefer" for each in call.get("parameters", ())),
            scope=scope_of(method, call),
            counted_by=call.get(COUNTED_BY),
        )
        for path, item in json.loads(document)["paths"].items()
        for method, call in item.items()
        if "x-service" in call
    ]
