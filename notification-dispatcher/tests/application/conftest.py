from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.events import NotificationRequested
from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.application.ports import Starting
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.infrastructure.contacts.memory import InMemoryAddressReports
from notification_dispatcher.infrastructure.providers.capturing import CapturingSender
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.senders import BreakerSettings, ChannelSenders
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.urls import Limits
from prometheus_client import CollectorRegistry

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


@dataclass
class Attempts:
    """Makes the attempts of one notification, and keeps between them what a queue keeps."""

    deliver: DeliverNotification
    find_contacts: FindContacts
    event: NotificationRequested
    channel: str
    number: int = 1
    progress: str = ""
    started: list[Starting] = field(default_factory=list)
    dies_after_start: bool = False

    async def next(self, *, limit=100, expires_at=None):
        """Make one attempt; the next one is the next by number, unless it was deferred."""
        attempt = DeliveryAttempt(
            trace_id="t-1",
            channel=self.channel,
            number=self.number,
            limit=limit,
            expires_at=expires_at,
            progress=self.progress,
        )
        [contact] = await self.find_contacts([(self.event.user_id, attempt.deferrals)])
        verdict = await self.deliver(self.event, attempt, contact, on_start=self._start)
        if (said := getattr(verdict, "progress", None)) is not None:
            self.progress = said
        self.number += type(verdict).__name__ == "Retrying"
        return verdict

    async def _start(self, starting):
        self.started.append(starting)
        if starting.progress is not None:
            self.progress = starting.progress
        if self.dies_after_start:
            raise RuntimeError("the worker died")


@pytest.fixture
def reports():
    return InMemoryAddressReports()


@pytest.fixture
def attempts(contacts, reports, event):
    """Begin a notification on a channel that has these providers."""

    def begin(channel, *providers, holds=()):
        senders = ChannelSenders(
            {channel: [(provider, Limits()) for provider in providers]},
            breaker=BreakerSettings(failures=1000, pause=timedelta(seconds=30)),
            pauses=InMemoryPauses(),
            bounded=RetryPolicy().bounded,
            diverter=Diverter(delivery=DeliveryPolicy()),
            registry=CollectorRegistry(),
            now=lambda: NOW,
        )
        deliver = DeliverNotification(
            senders=senders.by_channel,
            for_tests=CapturingSender(diverter=Diverter(delivery=DeliveryPolicy())),
            retries=RetryPolicy(),
            holds=holds,
            reports=reports,
            random=lambda: 0.5,
            now=lambda: NOW,
        )
        finding = FindContacts(contacts=contacts, random=lambda: 0.5)
        return Attempts(deliver, finding, event, channel)

    return begin
