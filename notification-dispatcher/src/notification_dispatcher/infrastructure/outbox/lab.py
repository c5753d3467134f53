"""What the lab's wires took, asked of the lab."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from notification_contracts.channels import ChannelName
from notification_contracts.trace_ids import parse_trace_id
from service_kit.http.client import HttpClient, UpstreamError

from notification_dispatcher.application.outbox import (
    Batch,
    Kept,
    OutboxMessage,
    OutboxUnavailable,
)

_MAX_BYTES: Final = 8 * 1024 * 1024
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Arrival = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOutbox:
    """An `OutboxSource`; positions are the lab's ids of messages."""

    http: HttpClient
    name: str = "lab"

    async def read(self, position: str | None, *, channel: ChannelName | None, limit: int) -> Batch:
        """See `OutboxSource.read`."""
        asked = {"kind": channel, "before": position, "limit": limit}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        try:
            answer = await self.http.request(
                "GET", "/lab/messages", query=query, max_response_bytes=_MAX_BYTES
            )
        except UpstreamError as error:
            raise OutboxUnavailable(f"the lab does not answer: {error}") from error
        if answer.status != 200:
            raise OutboxUnavailable(f"the lab answered {answer.status}")
        arrivals = json.loads(answer.body)["messages"]
        found = [_kept(each) for each in reversed(arrivals)]
        return Batch(found=found, rest=found[-1].after if len(found) == limit else None)


def _kept(arrival: Arrival) -> Kept:
    message = OutboxMessage(
        trace_id=_trace_id(arrival),
        channel=arrival["kind"],
        provider=arrival["wire"],
        address=arrival["to"],
        subject=arrival["subject"],
        message=arrival["text"] or "",
        html=arrival["html"],
        data=arrival["data"] or None,
        delivery_mode=None,
        at=datetime.fromisoformat(arrival["at"]),
    )
    return Kept(message=message, after=arrival["id"])


def _trace_id(arrival: Arrival) -> str | None:
    """Return the trace id where the wire carries it: in a mail's id, or in a body of our own."""
    body = arrival["data"].get("body")
    ours = body.get("data") if isinstance(body, dict) else arrival["data"].get("data")
    told = ours.get("trace_id") if isinstance(ours, dict) else None
    by_id = _UUID.search(arrival["headers"].get("Message-ID", ""))
    found = told if isinstance(told, str) else by_id and by_id[0]
    return parse_trace_id(found) if found else None
