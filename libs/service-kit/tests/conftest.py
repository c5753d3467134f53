from service_kit.testing.redis_server import (  # noqa: F401 - fixtures
    every_redis_server,
    every_redis_url,
    private_redis,
    redis_server,
    redis_url,
)
from service_kit.testing.wall_clock_fixture import wall_clock  # noqa: F401 - a fixture
