import pytest

pytest.register_assert_rewrite("notification_ledger.testing")

from service_kit.testing.redis_server import redis_server, redis_url  # noqa: E402, F401 - fixtures
