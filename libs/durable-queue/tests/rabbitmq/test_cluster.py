"""Three nodes, as in production: one may die at any time, and two are needed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from asyncnotify_prove.rabbitmq_node import RabbitNode
from asyncnotify_prove.tcp_proxy import TcpProxy
from durable_queue.port import QueueUnavailable
from testkit.rabbitmq_cluster import RabbitCluster
from testkit.rabbitmq_server import require_rabbitmq
from testkit.rabbitmq_workers import RabbitWorkers

pytestmark = [pytest.mark.rabbitmq, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitCluster]:
    require_rabbitmq()
    cluster = RabbitCluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.close()


@asynccontextmanager
async def dead(node: RabbitNode) -> AsyncIterator[None]:
    """Kill a node, and start it again at the end."""
    await asyncio.to_thread(node.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(node.start)


@pytest.fixture
async def balancer(cluster: RabbitCluster) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(cluster.nodes[0].url) as balancer:
        yield balancer


async def test_queues_have_a_member_on_each_node(
    cluster: RabbitCluster, balancer: TcpProxy
) -> None:
    async with RabbitWorkers(balancer.url, direct_url=cluster.nodes[1].url) as workers:
        await workers.insist("m")
        listed = await asyncio.to_thread(
            cluster.nodes[0].control, "list_queues", "name", "type", "members"
        )

    row = next(line for line in listed.splitlines() if line.startswith(workers.topology.dead_queue))
    assert "quorum" in row
    assert all(node.name in row for node in cluster.nodes)


@pytest.mark.parametrize("victim", [0, 1], ids=["the node in use", "another node"])
async def test_a_node_that_dies_loses_nothing(
    cluster: RabbitCluster, balancer: TcpProxy, victim: int
) -> None:
    async with RabbitWorkers(balancer.url, direct_url=cluster.nodes[2].url) as workers:
        workers.work(3)
        sending = asyncio.create_task(workers.send_many(200, pause=0.02))
        await asyncio.sleep(1)
        async with dead(cluster.nodes[victim]):
            balancer.point_at(cluster.nodes[2].url)
            await sending
            await workers.finish()
            workers.check()


async def test_without_a_majority_nothing_is_accepted_and_nothing_lost(
    cluster: RabbitCluster, balancer: TcpProxy
) -> None:
    async with RabbitWorkers(balancer.url, direct_url=cluster.nodes[0].url) as workers:
        await workers.send_many(20)
        async with dead(cluster.nodes[2]):
            async with dead(cluster.nodes[1]):
                with pytest.raises(QueueUnavailable):
                    await asyncio.wait_for(workers.send("refused"), 60)

            await workers.insist("accepted")
            workers.work(2)
            await workers.finish()
            workers.check()
