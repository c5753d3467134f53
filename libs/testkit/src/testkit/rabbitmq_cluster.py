"""Several RabbitMQ nodes in one cluster, on one machine."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from asyncnotify_prove.rabbitmq_node import Cluster, RabbitNode


class RabbitCluster:
    """Nodes that find each other when they start for the first time."""

    def __init__(self, folder: Path, *, size: int = 3) -> None:
        cluster = Cluster()
        folders = [folder / f"node-{number}" for number in range(size)]
        self.nodes = [RabbitNode(each, cluster=cluster) for each in folders]
        peers = [
            f"cluster_formation.classic_config.nodes.{number} = {node.name}"
            for number, node in enumerate(self.nodes, 1)
        ]
        for node, own in zip(self.nodes, folders, strict=True):
            own.mkdir(parents=True)
            node.configuration += ["cluster_formation.peer_discovery_backend = classic_config"]
            node.configuration += peers

    def start(self) -> None:
        """Start all nodes; return when all answer."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            for started in [threads.submit(node.start) for node in self.nodes]:
                started.result()

    def close(self) -> None:
        """Stop all nodes for good."""
        for node in reversed(self.nodes):
            node.close()
