"""Fixtures with real RabbitMQ nodes.

Import them in the package's `conftest.py`:

    from testkit.rabbitmq_server import rabbitmq_node, rabbitmq_url  # noqa: F401

- `rabbitmq_node`: one for the session. Skips where no `rabbitmq-server` is installed, but fails
  where `CI` is set.
- `rabbitmq_url`: its URL.
- `private_rabbitmq`: a node for one module, to be killed and started at will.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncnotify_prove.rabbitmq_node import RabbitNode, find_rabbitmq


def require_rabbitmq() -> None:
    """Skip the test if there is no RabbitMQ here; fail on CI."""
    if find_rabbitmq() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("rabbitmq-server is not installed, but on CI nothing is skipped")
        pytest.skip("rabbitmq-server is not installed")


def _started(folder: Path) -> RabbitNode:
    require_rabbitmq()
    node = RabbitNode(folder)
    node.start()
    return node


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """Yield the session's node."""
    node = _started(tmp_path_factory.mktemp("rabbitmq"))
    yield node
    node.close()


@pytest.fixture(scope="module")
def private_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """Yield a node of the module's own."""
    node = _started(tmp_path_factory.mktemp("rabbitmq"))
    yield node
    node.close()


@pytest.fixture
def rabbitmq_url(rabbitmq_node: RabbitNode) -> str:
    """Return the URL of the session's node."""
    return rabbitmq_node.url
