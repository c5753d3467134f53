from datetime import UTC, datetime

import pytest
from notification_contracts.events import NotificationRequested
from notification_dispatcher.infrastructure.contacts.memory import InMemoryContactDirectory
from testkit.redis_server import (  # noqa: F401 - fixtures
    private_redis,
    redis_server,
    redis_url,
)

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


@pytest.fixture
def contacts():
    """Ada, reachable everywhere, who prefers e-mail."""
    directory = InMemoryContactDirectory()
    addresses = {"email": "ada@example.com", "sms": "+12025550101", "push": "token-ada"}
    directory.add("ada", addresses, "email")
    return directory


@pytest.fixture
def event():
    return NotificationRequested(user_id="ada", message="hello")
