from testkit.redis_server import redis_server  # noqa: F401 - a fixture
from testkit.wall_clock_fixture import wall_clock  # noqa: F401 - a fixture
