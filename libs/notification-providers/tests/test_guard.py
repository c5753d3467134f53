import asyncio
import socket
from ipaddress import ip_address

import httpcore
import pytest
from notification_providers.guard import (
    AddressGuard,
    ForbiddenAddress,
    GuardedBackend,
    is_public,
    parse_networks,
    read_guard,
)
from notification_providers.http import HttpCaller
from notification_providers.port import PermanentFailure
from notification_providers.urls import InvalidProviderUrl, Limits, parse

FORBIDDEN = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fd00:ec2::254",
    "ff0e::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "64:ff9b::a83f:8110",
    "::127.0.0.1",
    "::169.254.169.254",
    "fec0::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_no_public_address_is_not(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_what_is_public_is(address):
    assert is_public(ip_address(address))


def test_networks_can_be_allowed():
    guard = AddressGuard(allowed=parse_networks("10.0.0.0/8 fd00::/8"))

    assert guard.permits(ip_address("10.9.9.9"))
    assert guard.permits(ip_address("fd00::1"))
    assert not guard.permits(ip_address("192.168.0.1"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
async def test_no_spelling_of_loopback_is_connected_to(host):
    caller = HttpCaller(guard=AddressGuard())

    answer = await caller.call("POST", f"http://{host}:9/", body=b"x")

    assert isinstance(answer, PermanentFailure)
    await caller.close()


async def test_what_was_checked_is_what_is_connected_to(monkeypatch):
    """A name that is public when it is looked up first, and private when it is again."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]

    class Resolver(AddressGuard):
        async def resolve(self, host, port):
            return answers.pop(0)

    connected = []

    class Recording(httpcore.AsyncMockBackend):
        async def connect_tcp(self, host, port, *args, **kwargs):
            connected.append(host)
            return await super().connect_tcp(host, port, *args, **kwargs)

    backend = GuardedBackend(Resolver())
    backend._backend = Recording([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
    async with httpcore.AsyncConnectionPool(network_backend=backend) as pool:
        answer = await pool.request("GET", "http://rebinding.example/")

    assert answer.status == 200
    assert connected == ["8.8.8.8"]


async def test_of_a_names_addresses_only_those_that_are_permitted_are_tried(monkeypatch):
    async def getaddrinfo(host, port, **_):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("10.0.0.1", "8.8.8.8")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    assert await AddressGuard().resolve("mixed.example", 80) == ["8.8.8.8"]


async def test_a_socket_of_this_machine_is_out_of_reach():
    with pytest.raises(ForbiddenAddress):
        await GuardedBackend(AddressGuard()).connect_unix_socket("/run/docker.sock")


async def test_a_proxy_of_the_environment_does_not_get_round_it(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    caller = HttpCaller(guard=AddressGuard())

    answer = await caller.call("GET", "http://127.0.0.1:9/")

    assert isinstance(answer, PermanentFailure)
    await caller.close()


async def test_what_is_no_url_is_the_recipients_fault():
    answer = await HttpCaller().call("POST", "http://[::bad")

    assert isinstance(answer, PermanentFailure)


@pytest.mark.parametrize(
    ("option", "public", "private"),
    [("", True, False), ("?allow=10.0.0.0/8", True, True), ("?only=10.0.0.0/8", False, True)],
)
def test_networks_are_permitted_beside_what_is_public_or_alone(option, public, private):
    url, _ = parse(f"webhook://{option}", Limits())

    guard = read_guard(url)

    assert guard.permits(ip_address("8.8.8.8")) is public
    assert guard.permits(ip_address("10.1.2.3")) is private


@pytest.mark.parametrize("options", ["allow=10.0.0.0/8&only=10.0.0.0/8", "only=home", "allow=0/99"])
def test_networks_that_make_no_sense_are_refused(options):
    url, _ = parse(f"webhook://?{options}", Limits())

    with pytest.raises(InvalidProviderUrl):
        read_guard(url)
