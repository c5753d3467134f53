"""Puts the publisher together, and runs it."""

from functools import partial

from durable_queue.broker import Broker
from durable_queue.port import Queue
from fastapi import APIRouter, FastAPI
from notification_contracts.http.fields import MAX_REQUEST_BYTES
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.factory import open_ledger
from notification_ledger.port import LedgerStore
from notification_ledger.queues import Accepting, open_accepting
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.lifecycle import BackgroundTasks
from service_kit.logs import configure_logging
from service_kit.metrics import new_registry
from service_kit.settings import load_settings

from notification_publisher.application.publishing import PublishNotification
from notification_publisher.infrastructure import ledger as ledgers
from notification_publisher.infrastructure.housekeeping import Housekeeping
from notification_publisher.infrastructure.queue import QueueInterventions, QueueOutbox
from notification_publisher.interface.dead_letters import dead_letter_routes
from notification_publisher.interface.history import history_routes
from notification_publisher.interface.notifications import sending_routes, tracking_routes
from notification_publisher.interface.streams import stream_routes
from notification_publisher.interface.vocabulary import PROBLEMS
from notification_publisher.settings import Settings

SERVICE = "notification-publisher"


def build(
    settings: Settings,
    *,
    queue: Queue | None = None,
    ledger: LedgerStore | None = None,
    max_streams: int | None = None,
) -> FastAPI:
    """Put the service together. A `queue` that is given tells the `ledger` of changes by itself."""
    stores = settings.stores
    ledger = ledger or open_ledger(
        stores.ledger_url, namespace=stores.namespace, retention=stores.retention
    )
    accepting = (
        Accepting(queue=queue)
        if queue
        else open_accepting(stores, ledger, max_waiting=settings.max_waiting)
    )
    queue, keeper, registry = accepting.queue, accepting.keeper, new_registry()
    is_volatile_allowed, closing = settings.allow_volatile, (queue.close, ledger.close)
    broker = Broker(queue, *closing, allow_volatile=is_volatile_allowed, registry=registry)
    outbox = QueueOutbox(queue=queue, broker=broker, max_attempts=settings.max_attempts)
    history = ledgers.LedgerHistory(ledger=ledger, clock=queue)
    housekeeping = Housekeeping(history, registry)
    loops = [("broker", broker.watch), ("housekeeping", housekeeping.run), *accepting.loops]
    check_ledger = partial(ledgers.check, ledger, keeper, housekeeping.details)
    return build_app(
        service=SERVICE,
        title="AsyncNotify notification-publisher",
        routers=[
            sending_routes(PublishNotification(outbox=outbox, new_trace_id=new_trace_id)),
            history_routes(history),
            *_record_routes(settings, ledger, queue, max_streams or settings.max_streams),
        ],
        problems=PROBLEMS,
        checks={"queue": broker.check, "ledger": check_ledger},
        resources=[broker, *([keeper] if keeper else []), BackgroundTasks(*loops)],
        registry=registry,
        admission=_admission(settings),
        docs=True,
    )


def _record_routes(
    settings: Settings, ledger: LedgerStore, queue: Queue, max_streams: int
) -> list[APIRouter]:
    records, acting = ledgers.LedgerRecords(ledger=ledger), QueueInterventions(control=queue)
    return [
        tracking_routes(records, acting),
        dead_letter_routes(records, acting, per_second=settings.replay_per_second),
        stream_routes(records, ledgers.LedgerFeed(ledger=ledger), limit=max_streams),
    ]


def _admission(settings: Settings) -> Admission:
    return Admission(
        max_body_bytes=MAX_REQUEST_BYTES,
        access=access_of(settings, service=SERVICE, listens_on=settings.publisher_host),
        for_operators=("/dead-letters", "/notifications/forget"),
    )


def run() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings(Settings)
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    limits = grant(limits_of(settings, streams=settings.max_streams), service=SERVICE)
    serve(
        partial(build, settings, max_streams=limits.streams),
        host=settings.publisher_host,
        port=settings.publisher_port,
        service=SERVICE,
        limits=limits,
    )
