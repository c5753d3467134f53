"""Puts the dispatcher together, and runs it."""

import gc
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from durable_queue.broker_guard import BrokerGuard
from durable_queue.port import Queue
from fastapi import APIRouter, FastAPI
from notification_contracts.http.operations import OPERATOR_PATHS
from notification_ledger.channel_pauses import ChannelPauses
from notification_ledger.opening import (
    open_channel_pauses,
    open_receipt_writer,
    open_worker_queue,
)
from notification_ledger.webhooks.opening import open_webhooks
from notification_ledger.writing import ReceiptWriter
from notification_providers.delivery import DeliveryMode, Diverter
from notification_providers.registry import Providers, open_providers
from notification_providers.urls import ProviderContext
from prometheus_client import CollectorRegistry
from service_kit.epoch import utc_now
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.client import HttpClient, UpstreamClient
from service_kit.http.internal_token import internal_headers, internal_token_of
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.lifecycle import BackgroundTasks, Stopping
from service_kit.logs import configure_logging, get_logger
from service_kit.metrics import new_registry
from service_kit.settings import load_settings

from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.application.outbox import ShowOutbox
from notification_dispatcher.application.ports import AddressReports, ContactDirectory
from notification_dispatcher.application.take_receipts import TakeReceipts
from notification_dispatcher.application.try_providers import TryProviders
from notification_dispatcher.infrastructure.caps.guard import ChannelGuards
from notification_dispatcher.infrastructure.caps.opening import open_windows
from notification_dispatcher.infrastructure.contacts.batching import BatchingContactDirectory
from notification_dispatcher.infrastructure.contacts.gathered_reports import GatheredAddressReports
from notification_dispatcher.infrastructure.contacts.health_reports import HttpHealthReports
from notification_dispatcher.infrastructure.contacts.http import HttpContactDirectory
from notification_dispatcher.infrastructure.outbox.opening import open_outbox
from notification_dispatcher.infrastructure.providers.capturing import CapturingSender
from notification_dispatcher.infrastructure.providers.pauses.opening import open_pauses
from notification_dispatcher.infrastructure.providers.senders import ChannelSenders
from notification_dispatcher.infrastructure.webhooks.opening import WebhookTeller, open_teller
from notification_dispatcher.interface.dry_run import dry_run_routes
from notification_dispatcher.interface.health import checks
from notification_dispatcher.interface.outbox import outbox_routes
from notification_dispatcher.interface.problems import PROBLEMS
from notification_dispatcher.interface.providers import provider_routes
from notification_dispatcher.interface.receipts import ReceiptMetrics, receipt_routes
from notification_dispatcher.interface.webhook_stage import WebhookMetrics, WebhookStage
from notification_dispatcher.interface.workers import Workers
from notification_dispatcher.settings import FAKE, DispatcherSettings, settings_class

log = get_logger(__name__)

SERVICE: Final = "notification-dispatcher"
LONGER_THAN_WORKERS: Final = timedelta(seconds=2)  # a little, so that none of them is cut off
BROKER_WATCH: Final = timedelta(seconds=10)  # it accepts nothing that the broker could lose
# The gateway's limit is what counts for what comes from outside.
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
TRIAL_LIMIT: Final = timedelta(seconds=8)  # the gateway waits for 10 s, unless it is told otherwise


def build(
    settings: DispatcherSettings,
    *,
    queue: Queue | None = None,
    contacts: ContactDirectory | None = None,
    providers: Providers | None = None,
    receipts: ReceiptWriter | None = None,
    pauses: ChannelPauses | None = None,
) -> FastAPI:
    """Put the service together, on what the settings say or on what is given."""
    registry, stopping = new_registry(), Stopping()
    queue = queue or _open_queue(settings)
    receipts = receipts or open_receipt_writer(settings.stores)
    pauses = pauses or open_channel_pauses(settings.stores)
    teller = _teller(settings, registry)
    broker = _guarded((queue, receipts, pauses), settings, registry)
    http, outbox = _user_service(settings), open_outbox(settings.fake_outbox, settings.lab_url)
    health = HttpHealthReports(http=http, now=utc_now, on_health=teller.notices.address_reported)
    reports = GatheredAddressReports(health=health)
    diverter = Diverter.of(settings.delivers_to, settings.fake_outbox, utc_now)
    senders = _senders(settings, providers or {}, diverter, registry, teller)
    finding, guards = _find_contacts(settings, contacts, http), _guards(settings, registry)
    deliver = _deliver(settings, senders, guards, diverter, reports, queue.now)
    workers = _workers(settings, queue, pauses, finding, deliver, teller, registry)
    background = _background(broker, workers, senders, reports, teller, settings, stopping)
    return build_app(
        service=SERVICE,
        title="AsyncNotify notification-dispatcher",
        routers=[
            _provider_routes(senders, diverter, settings, are_given=bool(providers)),
            dry_run_routes(finding, senders, pauses, queue.now),
            _receipt_routes(senders, receipts, health, settings.public_url, registry),
            outbox_routes(ShowOutbox(sources=outbox.sources)),
        ],
        problems=PROBLEMS,
        checks=checks(broker, workers, senders, http),
        resources=[broker, http, *outbox.clients, senders, guards, teller, background],
        registry=registry,
        admission=_admission(settings),
        stopping=stopping,
    )


def _guarded(
    stores: tuple[Queue, ReceiptWriter, ChannelPauses],
    settings: DispatcherSettings,
    registry: CollectorRegistry,
) -> BrokerGuard:
    closing, allowed = (each.close for each in stores), settings.allow_volatile
    return BrokerGuard(
        stores[0], *closing, allow_volatile=allowed, registry=registry, watch_every=BROKER_WATCH
    )


def _teller(
    settings: DispatcherSettings,
    registry: CollectorRegistry,
) -> WebhookTeller:
    parts = open_webhooks(settings.stores, lease=settings.lease)
    return open_teller(settings, parts, WebhookMetrics(registry), settings.webhook_calls, utc_now)


def _user_service(settings: DispatcherSettings) -> UpstreamClient:
    return UpstreamClient(
        settings.user_service_url,
        timeout=settings.contact_timeout,
        headers=internal_headers(settings),
    )


def _find_contacts(
    settings: DispatcherSettings, contacts: ContactDirectory | None, http: HttpClient
) -> FindContacts:
    if contacts is None:
        behind = HttpContactDirectory(http=http)
        contacts = BatchingContactDirectory(behind=behind, limits=settings.contacts)
    return FindContacts(contacts=contacts, random=random.random)


def _background(
    broker: BrokerGuard,
    workers: Workers,
    senders: ChannelSenders,
    reports: GatheredAddressReports,
    teller: WebhookTeller,
    settings: DispatcherSettings,
    stopping: Stopping,
) -> BackgroundTasks:
    return BackgroundTasks(
        ("broker", broker.watch),
        *workers.loops(),
        ("senders", senders.run),
        ("address reports", reports.run),
        ("operator notices", teller.notices.run),
        grace=settings.workers.grace + LONGER_THAN_WORKERS,
        stopping=stopping,
    )


def _admission(settings: DispatcherSettings) -> Admission:
    return Admission(
        max_body_bytes=MAX_BODY_BYTES,
        access=access_of(settings, service=SERVICE, listens_on=settings.dispatcher_host),
        token=internal_token_of(settings),
        for_operators=OPERATOR_PATHS,
    )


def _provider_routes(
    senders: ChannelSenders, diverter: Diverter, settings: DispatcherSettings, *, are_given: bool
) -> APIRouter:
    trials = TryProviders(providers=senders.named(), limit=TRIAL_LIMIT, diverter=diverter)
    return provider_routes(senders, trials, {} if are_given else settings.provider_schemes)


def _receipt_routes(
    senders: ChannelSenders,
    ledger: ReceiptWriter,
    addresses: HttpHealthReports,
    public_url: str | None,
    registry: CollectorRegistry,
) -> APIRouter:
    take = TakeReceipts(providers=senders.named(), ledger=ledger, addresses=addresses)
    return receipt_routes(take, ReceiptMetrics(registry), public_url=public_url)


def _open_queue(settings: DispatcherSettings) -> Queue:
    return open_worker_queue(
        settings.stores, lease=settings.lease, concurrency=settings.dispatcher_concurrency
    )


def _providers(settings: DispatcherSettings, now: Callable[[], datetime]) -> Providers:
    if settings.delivers_to.mode is not DeliveryMode.LIVE:
        log.warning("delivery.diverted", mode=settings.delivers_to.mode.value)
    context = partial(
        ProviderContext,
        now=now,
        fake_outbox=settings.fake_outbox,
        public_url=settings.public_url,
    )
    return open_providers(settings.opened_urls, context, settings.provider_limits)


def _senders(
    settings: DispatcherSettings,
    providers: Providers,
    diverter: Diverter,
    registry: CollectorRegistry,
    teller: WebhookTeller,
) -> ChannelSenders:
    now = teller.notices.now
    return ChannelSenders(
        {**_providers(settings, now), **providers},
        breaker=settings.breaker,
        pauses=open_pauses(settings.stores),
        bounded=settings.retries.bounded,
        diverter=diverter,
        registry=registry,
        now=now,
        on_open=teller.notices.breaker_opened,
    )


def _guards(settings: DispatcherSettings, registry: CollectorRegistry) -> ChannelGuards:
    """Caps are counted where pauses are kept."""
    caps = {
        channel: settings.caps_of(channel, is_real=any(not url.startswith(FAKE) for url in urls))
        for channel, urls in settings.opened_urls.items()
    }
    return ChannelGuards(caps, open_windows(settings.stores), registry)


def _deliver(
    settings: DispatcherSettings,
    senders: ChannelSenders,
    guards: ChannelGuards,
    diverter: Diverter,
    reports: AddressReports,
    now: Callable[[], datetime],
) -> DeliverNotification:
    return DeliverNotification(
        senders=guards.before(senders.by_channel),
        for_tests=CapturingSender(diverter=diverter),
        retries=settings.retries,
        holds=settings.holding_channels,
        reports=reports,
        random=random.random,
        now=now,
    )


def _workers(
    settings: DispatcherSettings,
    queue: Queue,
    pauses: ChannelPauses,
    find_contacts: FindContacts,
    deliver: DeliverNotification,
    teller: WebhookTeller,
    registry: CollectorRegistry,
) -> Workers:
    workers = Workers(queue, pauses, find_contacts, registry, settings.workers)
    if settings.validates:
        workers.validate()
    for channel in settings.channels:
        workers.deliver(channel, deliver)
    if settings.tells_webhooks and teller.parts.are_shared:
        workers.tell_webhooks(teller.parts.queue, WebhookStage(tell=teller.tell).handle)
    return workers


def run() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings(settings_class())
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    limits = grant(limits_of(settings), service=SERVICE, upstream=settings.descriptors)
    gc.set_threshold(settings.workers.objects_in_use)  # see `settle_memory`
    serve(
        partial(build, settings),
        host=settings.dispatcher_host,
        port=settings.dispatcher_port,
        service=SERVICE,
        limits=limits,
        stop_within=settings.workers.grace + timedelta(seconds=7),  # 25 s by default
    )
