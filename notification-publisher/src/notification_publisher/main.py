"""Puts the publisher together, and runs it."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from durable_queue.broker_guard import BrokerGuard
from durable_queue.port import Queue
from fastapi import APIRouter, FastAPI
from notification_contracts.http.fields import MAX_REQUEST_BYTES
from notification_contracts.http.operations import OPERATOR_PATHS
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.channel_pauses import ChannelPauses
from notification_ledger.opening import (
    ClaimKeeper,
    PublisherQueue,
    open_channel_pauses,
    open_ledger,
    open_publisher_queue,
)
from notification_ledger.webhooks.opening import WebhookParts, open_webhooks
from notification_ledger.webhooks.telling import TellOperators
from notification_ledger.writing import LedgerStore
from prometheus_client import CollectorRegistry
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.internal_token import internal_token_of
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.http.streams import StreamSlots
from service_kit.lifecycle import BackgroundTasks, NamedLoop
from service_kit.logs import configure_logging
from service_kit.metrics import new_registry
from service_kit.settings import load_settings

from notification_publisher.application.channels import PauseChannel, ResumeChannel, ShowChannels
from notification_publisher.application.pipeline import ShowPipeline
from notification_publisher.application.publishing import PublishNotification
from notification_publisher.infrastructure.dead_letter_alarm import DeadLetterAlarm
from notification_publisher.infrastructure.housekeeping import Housekeeping
from notification_publisher.infrastructure.queue import DurableNotificationQueue, StoredContents
from notification_publisher.infrastructure.shared_answer import SharedAnswer
from notification_publisher.infrastructure.webhook_follower import WebhookFollower
from notification_publisher.interface.batches import batch_routes
from notification_publisher.interface.channels import ChannelUses, channel_routes
from notification_publisher.interface.dead_letters import dead_letter_routes
from notification_publisher.interface.details import detail_routes
from notification_publisher.interface.history import history_routes
from notification_publisher.interface.notifications import (
    hot_calls,
    sending_routes,
    tracking_routes,
)
from notification_publisher.interface.pipeline import pipeline_routes
from notification_publisher.interface.problems import PROBLEMS
from notification_publisher.interface.streams import stream_routes
from notification_publisher.interface.waiting import Waits
from notification_publisher.interface.webhook_attempts import webhook_attempt_routes
from notification_publisher.interface.webhooks import Webhooks, webhook_routes
from notification_publisher.settings import PublisherSettings

SERVICE = "notification-publisher"


def build(
    settings: PublisherSettings,
    *,
    queue: Queue | None = None,
    ledger: LedgerStore | None = None,
    pauses: ChannelPauses | None = None,
    webhooks: WebhookParts | None = None,
    max_streams: int | None = None,
) -> FastAPI:
    """Put the service together. A `queue` that is given records changes in the `ledger` itself."""
    stores = settings.stores
    ledger = ledger or open_ledger(
        stores.ledger_url, namespace=stores.namespace, retention=stores.retention
    )
    pauses = pauses or open_channel_pauses(stores)
    webhooks, registry = webhooks or open_webhooks(stores), new_registry()
    opened = _opened(settings, ledger, queue)
    queue, claim_server = opened.queue, opened.claim_server
    broker = _guarded(queue, (ledger, pauses, webhooks), settings, registry)
    housekeeping = Housekeeping(ledger, queue, registry)
    loops = [("broker", broker.watch), ("housekeeping", housekeeping.run), *opened.loops]
    loops += _webhook_loops(webhooks, ledger, settings, registry)
    publish = _publishing(queue, broker)
    check_ledger = partial(_check_ledger, housekeeping, claim_server)
    return build_app(
        service=SERVICE,
        title="AsyncNotify notification-publisher",
        routers=[
            *_notification_routes(publish, queue, ledger, max_streams or settings.max_streams),
            *_record_routes(settings, ledger, queue, pauses),
            *_pipeline_routes(queue, ledger, pauses),
            *_webhook_routes(Webhooks(parts=webhooks, ledger=ledger, clock=queue)),
        ],
        problems=PROBLEMS,
        checks={"queue": broker.check, "ledger": check_ledger},
        resources=[broker, *([claim_server] if claim_server else []), BackgroundTasks(*loops)],
        registry=registry,
        admission=_admission(settings),
        docs=True,
        hot_calls=hot_calls(publish),
    )


def _opened(
    settings: PublisherSettings, ledger: LedgerStore, queue: Queue | None
) -> PublisherQueue:
    if queue:
        return PublisherQueue(queue=queue)
    return open_publisher_queue(settings.stores, ledger, max_waiting=settings.max_waiting)


def _guarded(
    queue: Queue,
    others: Sequence[LedgerStore | ChannelPauses | WebhookParts],
    settings: PublisherSettings,
    registry: CollectorRegistry,
) -> BrokerGuard:
    closing = (queue.close, *(each.close for each in others))
    allowed = settings.allow_volatile
    return BrokerGuard(queue, *closing, allow_volatile=allowed, registry=registry)


def _publishing(queue: Queue, broker: BrokerGuard) -> PublishNotification:
    notifications = DurableNotificationQueue(queue=queue, broker=broker)
    return PublishNotification(queue=notifications, new_trace_id=new_trace_id)


def _notification_routes(
    publish: PublishNotification, queue: Queue, ledger: LedgerStore, max_streams: int
) -> list[APIRouter]:
    slots = StreamSlots(max_streams)
    waits = Waits(ledger, slots.part())
    return [
        sending_routes(publish, waits),
        batch_routes(publish),
        tracking_routes(ledger, queue, waits),
        stream_routes(ledger, slots=slots),
    ]


def _record_routes(
    settings: PublisherSettings,
    ledger: LedgerStore,
    queue: Queue,
    pauses: ChannelPauses,
) -> list[APIRouter]:
    return [
        history_routes(ledger),
        detail_routes(ledger, StoredContents(queue=queue), queue, pauses),
        dead_letter_routes(
            ledger,
            queue,
            groups=SharedAnswer(ledger.dead_letter_groups),
            per_second=settings.replay_per_second,
        ),
    ]


def _pipeline_routes(queue: Queue, ledger: LedgerStore, pauses: ChannelPauses) -> list[APIRouter]:
    channels = ShowChannels(pauses=pauses)
    show = SharedAnswer(
        ShowPipeline(queue=queue, ledger=ledger, channels=channels, monotonic=time.monotonic)
    )
    uses = ChannelUses(
        show=channels,
        pause=PauseChannel(pauses=pauses),
        resume=ResumeChannel(pauses=pauses),
        changed=show.forget,
    )
    return [pipeline_routes(show), channel_routes(uses)]


def _webhook_loops(
    webhooks: WebhookParts,
    ledger: LedgerStore,
    settings: PublisherSettings,
    registry: CollectorRegistry,
) -> list[NamedLoop]:
    if not webhooks.are_shared:
        return []
    follower = WebhookFollower(webhooks, ledger, registry)
    tell, limit = TellOperators(store=webhooks.store), settings.dead_letters_alarm
    alarm = DeadLetterAlarm(ledger, tell, limit=limit)
    return [("webhooks", follower.run), ("dead letter alarm", alarm.run)]


def _webhook_routes(webhooks: Webhooks) -> list[APIRouter]:
    return [webhook_routes(webhooks), webhook_attempt_routes(webhooks)]


async def _check_ledger(
    housekeeping: Housekeeping, claim_server: ClaimKeeper | None
) -> Mapping[str, str]:
    if claim_server:
        await claim_server.check()
    return await housekeeping.check()


def _admission(settings: PublisherSettings) -> Admission:
    return Admission(
        max_body_bytes=MAX_REQUEST_BYTES,
        access=access_of(settings, service=SERVICE, listens_on=settings.publisher_host),
        token=internal_token_of(settings),
        for_operators=OPERATOR_PATHS,
    )


def run() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings(PublisherSettings)
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    limits = grant(limits_of(settings, streams=settings.max_streams), service=SERVICE)
    serve(
        partial(build, settings, max_streams=limits.streams),
        host=settings.publisher_host,
        port=settings.publisher_port,
        service=SERVICE,
        limits=limits,
        workers=settings.publisher_workers,
    )
