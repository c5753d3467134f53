"""Puts the dispatcher together, and runs it."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from durable_queue.broker import Broker
from durable_queue.port import Queue
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.lifecycle import BackgroundTasks, NamedLoop, Stopping
from service_kit.logs import configure_logging
from service_kit.metrics import new_registry
from service_kit.settings import load_settings

from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.find_contact import FindContact
from notification_dispatcher.application.ports import ContactDirectory
from notification_dispatcher.application.validate_notification import ValidateNotification
from notification_dispatcher.infrastructure.contacts import HttpContactLookup, SharedContacts
from notification_dispatcher.infrastructure.providers import ChannelSenders, Providers, Senders
from notification_dispatcher.interface.health import checks
from notification_dispatcher.interface.workers import Workers
from notification_dispatcher.settings import Settings, settings_class

SERVICE: Final = "notification-dispatcher"


def build(
    settings: Settings,
    *,
    queue: Queue | None = None,
    contacts: ContactDirectory | None = None,
    providers: Providers | None = None,
) -> FastAPI:
    """Put the service together, on what the settings say or on what is given."""
    now, registry = partial(datetime.now, UTC), new_registry()
    queue = queue or settings.open_queue()
    broker = Broker(queue, queue.close, allow_volatile=settings.allow_volatile, registry=registry)
    http = UpstreamClient(settings.user_service_url, timeout=settings.contact_timeout)
    directory = SharedContacts(lookup=HttpContactLookup(http=http), limits=settings.contacts)
    find_contact = FindContact(contacts=contacts or directory, random=random.random)
    opened = {**settings.open_providers(now), **(providers or {})}
    senders = _protected(opened, settings, registry)
    deliver = DeliverNotification(
        find_contact=find_contact,
        senders=senders.by_channel,
        retries=settings.retries,
        holds=settings.holding_channels,
        random=random.random,
    )
    workers, stopping = _workers(queue, registry, settings, deliver), Stopping()
    loops = [("broker", broker.watch), *workers.loops()]
    return build_app(
        service=SERVICE,
        title="AsyncNotify notification-dispatcher",
        routers=[],
        problems={},
        checks=checks(broker, workers, partial(senders.states, now), http),
        resources=[broker, http, senders, _running(loops, settings, stopping)],
        registry=registry,
        admission=_admission(settings),
        stopping=stopping,
    )


def _protected(
    providers: Providers, settings: Settings, registry: CollectorRegistry
) -> ChannelSenders:
    pauses, bounded = settings.open_pauses(), settings.retries.bounded
    return Senders(registry, settings.breaker, pauses=pauses, bounded=bounded).build(providers)


def _running(loops: Sequence[NamedLoop], settings: Settings, stopping: Stopping) -> BackgroundTasks:
    # A little longer than the workers take, so that none is cut off.
    grace = settings.working.grace + timedelta(seconds=2)
    return BackgroundTasks(*loops, grace=grace, stopping=stopping)


def _workers(
    queue: Queue, registry: CollectorRegistry, settings: Settings, deliver: DeliverNotification
) -> Workers:
    workers = Workers(queue, registry, settings.working)
    if settings.validates:
        workers.validate(ValidateNotification(find_contact=deliver.find_contact))
    for channel in settings.channels:
        workers.deliver(channel, deliver)
    return workers


def _admission(settings: Settings) -> Admission:
    access = access_of(settings, service=SERVICE, listens_on=settings.dispatcher_host)
    return Admission(access=access)


def run() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings(settings_class())
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    limits = grant(limits_of(settings), service=SERVICE, upstream=settings.descriptors)
    serve(
        partial(build, settings),
        host=settings.dispatcher_host,
        port=settings.dispatcher_port,
        service=SERVICE,
        limits=limits,
        stop_within=settings.working.grace + timedelta(seconds=7),  # 25 s by default
    )
