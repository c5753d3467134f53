import json

import pytest
from asyncnotify import AsyncNotify, BadSetup
from testkit.scripts import read_request, scripted_server


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("proxy", ["socks5://localhost:1080", "http://[", "http://127.0.0.1:1"])
@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTP_PROXY", "all_proxy"])
async def test_no_proxy_stands_before_this_machine(monkeypatch, variable, proxy):
    async def gateway(reader, writer):
        await read_request(reader)
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"user_id":"ada"}')

    monkeypatch.setenv(variable, proxy)
    async with scripted_server(gateway) as url:
        for address in (url, url.replace("127.0.0.1", "localhost")):
            async with AsyncNotify(address) as notify:
                assert await notify.put_user("ada", {}) == {"user_id": "ada"}


@pytest.mark.parametrize("proxy", ["socks5://localhost:1080", "ftp://proxy", "http://"])
def test_a_proxy_that_can_not_be_used_is_said_at_once(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(BadSetup, match=r"ALL_PROXY.*NO_PROXY=gateway\.example"):
        AsyncNotify("http://gateway.example")


def test_no_proxy_lets_a_gateway_be_reached_beside_it(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://localhost:1080")
    monkeypatch.setenv("NO_PROXY", "gateway.example")

    AsyncNotify("http://gateway.example")


async def test_another_machine_is_reached_through_the_proxy(monkeypatch):
    heads = []

    async def proxy(reader, writer):
        heads.append((await read_request(reader)).split(b"\r\n")[0])
        body = json.dumps({"user_id": "ada"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with scripted_server(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        async with AsyncNotify("http://gateway.example:8000") as notify:
            await notify.put_user("..", {})

    assert heads == [b"PUT http://gateway.example:8000/users/%2E%2E HTTP/1.1"]
