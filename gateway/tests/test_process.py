import json
import os
import signal
import subprocess
import sys

import httpx
import pytest
from asyncnotify.local.ports import free_port


@pytest.fixture
def gateway():
    nobody = f"http://127.0.0.1:{free_port()}"
    settings = {
        "GATEWAY_PORT": "0",
        "PUBLISHER_URL": nobody,
        "USER_SERVICE_URL": nobody,
        "LOG_FORMAT": "json",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "gateway"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_it_says_when_it_is_ready_answers_alone_and_stops_with_0(gateway):
    ready = json.loads(gateway.stdout.readline())
    assert (ready["event"], ready["service"]) == ("service.ready", "gateway")

    alive = httpx.get(f"{ready['url']}/health/live", trust_env=False)
    refused = httpx.post(f"{ready['url']}/notifications", content=b"{}", trust_env=False)
    gateway.send_signal(signal.SIGTERM)

    assert alive.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (503, "upstream_unavailable")
    assert gateway.wait(5) == 0
    lines = [json.loads(line) for line in gateway.stdout]
    assert {"request.served", "request.failed"} <= {line["event"] for line in lines}
