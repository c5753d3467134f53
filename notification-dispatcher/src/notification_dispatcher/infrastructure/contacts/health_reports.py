"""Reports about addresses, to the user-service, over HTTP."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notification_providers.port import AddressReport
from pydantic_core import to_json
from service_kit.http.client import HttpClient, UpstreamError, UpstreamResponse
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import HealthReportsUnavailable

log = get_logger(__name__)

PATH: Final = "/address-reports"
AT_ONCE: Final = 100
# What the user-service says of a report that it would never take, however often it is made.
_REFUSALS: Final = frozenset({400, 413, 422})


Document = Mapping[str, object]
Told = tuple[AddressReport, str, str]
"""What was learnt, by which provider, and about which notification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpHealthReports:
    """`HealthReports` of the user-service. One that it refuses is logged, and not made again.

    `on_health` hears of each report that it takes, and how the address is after it.
    """

    http: HttpClient
    now: Callable[[], datetime]
    on_health: Callable[[Document, str], None] = lambda _report, _health: None

    async def report(
        self, reports: Sequence[AddressReport], *, provider: str, trace_id: str
    ) -> None:
        """See `HealthReports`."""
        await self.report_all([(each, provider, trace_id) for each in reports])

    async def report_all(self, reports: Sequence[Told]) -> None:
        """Report what several providers said of several notifications; else as `report`."""
        documents = [self._document(*each) for each in reports]
        for start in range(0, len(documents), AT_ONCE):
            await self._tell(documents[start : start + AT_ONCE])

    async def _tell(self, documents: Sequence[Document]) -> None:
        answer = await self._post(documents)
        status = answer.status
        if status in _REFUSALS and len(documents) > 1:
            for each in documents:  # one bad report must not cost the others
                await self._tell([each])
        elif status in _REFUSALS:
            named = {name: documents[0][name] for name in ("provider", "channel", "kind")}
            log.error("address_report.refused", status=status, **named)
        elif status != 200:
            raise HealthReportsUnavailable(f"the user-service answers {status}")
        else:
            for document, health in zip(documents, _healths(answer.body), strict=False):
                self.on_health(document, health)

    async def _post(self, documents: Sequence[Document]) -> UpstreamResponse:
        body = to_json({"reports": documents})
        headers = {"Content-Type": "application/json"}
        try:
            return await self.http.request("POST", PATH, headers=headers, body=body)
        except UpstreamError as error:
            raise HealthReportsUnavailable("the user-service gives no answer") from error

    def _document(self, report: AddressReport, provider: str, trace_id: str) -> Document:
        return {
            "channel": report.channel,
            "address": report.address,
            "kind": report.kind,
            "reason": report.reason,
            "evidence": report.evidence,
            "provider": provider,
            "at": report.at or self.now(),
            "trace_id": trace_id,
        }


def _healths(body: bytes) -> Sequence[str]:
    """Return how each address is; nothing, where the answer says nothing of it."""
    found = json.loads(body or b"{}").get("results", ())
    return [str(each.get("health", "")) for each in found]
