"""An account of Redis that may do only what the operators' handbook lists."""

import re
from pathlib import Path

import pytest
import redis
from testkit.patience import patient_client
from testkit.redis_server import RedisServer

pytestmark = pytest.mark.slow
HANDBOOK = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def broker():
    """Override the choice of brokers: this is about Redis alone."""
    return {}


@pytest.fixture
def own_redis(tmp_path):
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.close()


def documented_rules():
    """Return the words of the handbook's command, as a shell would hand them over."""
    command = re.search(r"redis-cli ACL SETUSER asyncnotify (.+)", HANDBOOK.read_text())
    assert command
    return command[1].replace("'", "").split()


def test_an_account_with_the_documented_rights_is_enough(own_redis, fresh_system, until):
    rules = [re.sub(r"{an\b", "{acl", rule) for rule in documented_rules()]
    with redis.Redis.from_url(own_redis.url) as admin:
        admin.execute_command("ACL", "SETUSER", "asyncnotify", *rules)
        admin.execute_command("ACL", "LOG", "RESET")
        system = fresh_system(
            BROKER_URL=own_redis.url.replace("://", "://asyncnotify:SECRET@"), QUEUE_NAMESPACE="acl"
        )
        with patient_client(system.url) as http:
            sent = http.post(
                "/notifications", json={"user_id": "user_test", "message": "hi"}
            ).json()
            lost = http.post("/notifications", json={"user_id": "nobody", "message": "hi"}).json()
            failed = f"/dead-letters/{lost['trace_id']}"
            until(lambda: http.get(sent["status_url"]).json()["status"] == "sent")
            until(lambda: http.get(failed).status_code == 200)

            assert http.get("/notifications?user_id=user_test").json()["items"]
            assert http.get(f"{sent['status_url']}/events").status_code == 200
            assert http.get("/health/ready").status_code == 200
            assert http.delete(failed).status_code == 204

        system.stop()
        assert admin.acl_log() == []
