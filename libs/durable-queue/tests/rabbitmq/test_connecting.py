"""Which RabbitMQ is fit, how it is reached, and what is declared there."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aio_pika
import pytest
import trustme
from asyncnotify.local.ports import free_port
from asyncnotify_prove.rabbitmq_node import RabbitNode
from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.port import Enqueued, Message, QueueUnavailable, UnsafeBroker
from durable_queue.rabbitmq.connection import with_heartbeat
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.topology import Topology
from testkit.logs import captured_logs
from testkit.rabbitmq_server import require_rabbitmq

pytestmark = pytest.mark.rabbitmq

LANE = "stage.normal"
PATIENT = RabbitOptions(call_timeout=timedelta(seconds=30))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def special_node(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RabbitNode]:
    """A node that speaks TLS, with a feature flag off that an upgrade from 3.9 leaves off."""
    require_rabbitmq()
    folder = tmp_path_factory.mktemp("special")
    certificate, key = folder / "server.pem", folder / "server.key"
    identity = authority.issue_cert("127.0.0.1")
    identity.cert_chain_pems[0].write_to_path(certificate)
    identity.private_key_pem.write_to_path(key)
    node = RabbitNode(
        folder,
        environment={"RABBITMQ_FEATURE_FLAGS": "quorum_queue,implicit_default_bindings"},
        certificate=(certificate, key),
    )
    node.start()
    yield node
    node.close()


async def test_it_is_spoken_to_over_tls(
    special_node: RabbitNode, authority: trustme.CA, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    url = f"{special_node.tls_url}?cafile={trusted}"
    queue = RabbitQueue(url, options=PATIENT)

    assert await queue.send(Message(id="m", lane=LANE, body=b"secret")) == Enqueued("m")
    [delivery] = await queue.receive([LANE], limit=1, wait=timedelta(seconds=60))
    await delivery.ack()
    await queue.close()


async def test_certificate_of_an_unknown_authority_is_refused(special_node: RabbitNode) -> None:
    options = RabbitOptions(call_timeout=timedelta(seconds=2))
    queue, said = RabbitQueue(special_node.tls_url, options=options), ""

    async with asyncio.timeout(60):
        while "CERTIFICATE_VERIFY_FAILED" not in said:  # it may also have taken too long
            with pytest.raises(QueueUnavailable) as refused:
                await queue.ping()
            said = str(refused.value)

    await queue.close()


async def test_broker_that_would_lose_what_waits_is_found_out(special_node: RabbitNode) -> None:
    if not special_node.control("version").startswith(("3.10.", "3.11.")):
        pytest.skip("this RabbitMQ is too new to be without streams")
    queue = RabbitQueue(special_node.url, options=PATIENT)

    [fault] = (await queue.durability()).faults
    await asyncio.to_thread(special_node.control, "enable_feature_flag", "stream_queue")
    cured = await queue.durability()
    await queue.close()

    assert "rabbitmqctl enable_feature_flag stream_queue" in fault
    assert (cured.profile, list(cured.faults)) == ("quorum", [])


async def test_many_may_ask_at_once_whether_it_is_fit_and_nothing_is_made(
    rabbitmq_node: RabbitNode,
) -> None:
    queues = [RabbitQueue(rabbitmq_node.url, options=PATIENT) for _ in range(8)]

    async with asyncio.timeout(60):
        asked = await asyncio.gather(*(queue.durability() for queue in queues))
    for queue in queues:
        await queue.close()
    listed = await asyncio.to_thread(rabbitmq_node.control, "list_queues", "name", "type")

    assert {(answer.profile, tuple(answer.faults)) for answer in asked} == {("quorum", ())}
    assert "stream" not in listed


async def test_queue_of_another_kind_under_our_name_is_refused(rabbitmq_url: str) -> None:
    topology = Topology(replace(PATIENT, namespace="mismatch", lanes=(LANE,)))
    async with await aio_pika.connect(rabbitmq_url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(topology.lane_queue(LANE), durable=True)
        queue = RabbitQueue(rabbitmq_url, options=topology.options)

        with pytest.raises(UnsafeBroker, match=r"other arguments.*mismatch\.stage\.normal\.v1"):
            await queue.durability()

        await queue.close()
        await topology.remove(await connection.channel(), [LANE])


async def test_while_there_is_no_listener_one_line_says_so() -> None:
    queue = RabbitQueue(f"amqp://127.0.0.1:{free_port()}/")
    with captured_logs(level="INFO") as lines:
        for _ in range(10):
            with pytest.raises(QueueUnavailable):
                await queue.ping()
            await asyncio.sleep(0.1)
        await queue.close()
        events = [line["event"] for line in lines()]

    assert events == ["queue.unavailable"]


async def test_declaring_again_does_nothing_and_loses_nothing(rabbitmq_url: str) -> None:
    topology = Topology(replace(PATIENT, namespace="again", lanes=(LANE,)))
    first = RabbitQueue(rabbitmq_url, options=topology.options)
    await first.send(Message(id="m", lane=LANE, body=b"hello"))
    await first.close()
    second = RabbitQueue(rabbitmq_url, options=topology.options)
    await second.ping()

    [delivery] = await second.receive([LANE], limit=1, wait=timedelta(seconds=60))
    await delivery.ack()
    await second.close()

    assert delivery.body == b"hello"
    async with await aio_pika.connect(rabbitmq_url) as connection:
        await topology.remove(await connection.channel(), [LANE])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://a:b@host/vhost", "amqp://a:b@host/vhost?heartbeat=10"),
        ("amqps://host:1/?cafile=/x", "amqps://host:1/?heartbeat=10&cafile=%2Fx"),
        ("amqp://host/?heartbeat=30", "amqp://host/?heartbeat=30"),
    ],
)
def test_a_dead_peer_is_noticed_in_time_unless_the_url_says_otherwise(url, expected) -> None:
    assert with_heartbeat(url, RabbitOptions().heartbeat) == expected


@pytest.mark.parametrize(("lease_s", "heartbeat_s"), [(3, 1), (30, 5), (60, 10), (3600, 10)])
def test_frozen_process_is_given_up_before_its_leases_are_over(lease_s, heartbeat_s) -> None:
    options = RabbitOptions(lease=timedelta(seconds=lease_s))

    assert options.heartbeat == timedelta(seconds=heartbeat_s)


class ForgetfulBook(InMemoryClaimStore):
    """Claims that were to be durable, and are not."""

    async def faults(self) -> Sequence[str]:
        return ["appendonly is no"]


async def test_who_would_lose_the_claims_is_found_out(rabbitmq_node: RabbitNode) -> None:
    claims = ForgetfulBook(ClaimStateMachine())
    queue = RabbitQueue(rabbitmq_node.url, claims=claims, options=PATIENT)

    durability = await queue.durability()
    await queue.close()

    assert list(durability.faults) == ["appendonly is no"]
