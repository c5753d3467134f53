"""Tells endpoints what concerns those who run the system."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.webhooks import EventKind

from notification_ledger.webhooks.endpoints import Endpoint
from notification_ledger.webhooks.events import operator_event, wants
from notification_ledger.webhooks.port import Once, WebhookStore

QUIET: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class TellOperators:
    """Put an operator's event into the lines of those endpoints that want it.

    The publisher that follows the changes has it sent, within about a second. Raises
    `WebhooksUnavailable`.
    """

    store: WebhookStore

    async def __call__(
        self,
        kind: EventKind,
        data: Mapping[str, object],
        at: datetime,
        *,
        subject: str | None = None,
    ) -> None:
        """Tell of something; of the same subject once in `QUIET`, whoever tells of it."""
        event = operator_event(kind, data, at)
        told = [
            each for each in await self.store.endpoints() if each.is_enabled and wants(each, event)
        ]
        once = None if subject is None else Once(subject=f"{kind} {subject}", quiet=QUIET)
        if told:
            await self.store.append([(each, event) for each in told], once=once)

    async def disabled(self, endpoint: Endpoint, at: datetime) -> None:
        """Tell that an endpoint was disabled, and why."""
        why = endpoint.disabled_for.value if endpoint.disabled_for else None
        said = {"webhook": endpoint.id, "url": endpoint.settings.url, "reason": why}
        await self(EventKind.ENDPOINT_DISABLED, said, at)
