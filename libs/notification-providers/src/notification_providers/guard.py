"""Connects only to addresses that are public: for URLs that strangers choose.

What counts is the address that is connected to, not the name: it is looked up once, checked, and
then used as it was found, so that a second look-up can't lead elsewhere.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Final

import httpcore

from notification_providers.urls import InvalidProviderUrl, ProviderUrl

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# An IPv4 address is in the last 32 bits (RFC 6052, section 2.1; RFC 8215).
_TRANSLATED: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
# What Python takes for public, and is not: IPv6's first private networks (RFC 3879), IPv4 in IPv6's
# first notation (RFC 4291, section 2.5.5.1), and where each machine in Azure finds its platform:
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
_NOT_PUBLIC: Final = (ip_network("fec0::/10"), ip_network("::/96"), ip_network("168.63.129.16/32"))
GUARD_OPTIONS: Final = frozenset({"allow", "only"})
_CONNECT_SECONDS: Final = 5.0


class ForbiddenAddress(httpcore.ConnectError):
    """Raised when a name leads to no address that may be connected to."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks such as `10.0.0.0/8 fd00::/8`.

    Raises:
        ValueError: one of them is no network.
    """
    return tuple(ip_network(each) for each in text.split())


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, whatever it is wrapped in."""
    return all(
        each.is_global
        and not each.is_multicast
        and not any(each in network for network in _NOT_PUBLIC)
        for each in _unwrapped(address)
    )


def _unwrapped(address: Address) -> Iterable[Address]:
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _TRANSLATED):
        yield IPv4Address(int(address) & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGuard:
    """Decides what may be connected to: the networks that are `allowed`, and what is public."""

    allowed: Sequence[Network] = ()
    is_public_allowed: bool = True

    def permits(self, address: Address) -> bool:
        """Tell whether this address may be connected to."""
        if self.is_public_allowed and is_public(address):
            return True
        return any(address in network for network in self.allowed)

    async def resolve(self, host: str, port: int) -> list[str]:
        """Look a name up; return the addresses that may be connected to.

        Raises:
            ForbiddenAddress: there are addresses, and none of them may be.
            httpcore.ConnectError: there are none.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name can't be looked up") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        permitted = [each for each in addresses if self.permits(ip_address(each))]
        if not permitted:
            raise ForbiddenAddress("it is in a network that may not be connected to")
        return permitted


def read_guard(url: ProviderUrl) -> AddressGuard:
    """Read the networks to which a provider may connect: besides what is public, or only they.

    Raises:
        InvalidProviderUrl: they are no networks, or both are given.
    """
    given = sorted(GUARD_OPTIONS & url.options.keys())
    if len(given) > 1:
        raise InvalidProviderUrl("give either allow or only")
    name = given[0] if given else "allow"
    try:
        networks = parse_networks(url.options.get(name, ""))
    except ValueError as error:
        raise InvalidProviderUrl(f"{name} must be networks, such as 10.0.0.0/8") from error
    return AddressGuard(allowed=networks, is_public_allowed=name == "allow")


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for `httpcore`, to what a guard permits."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first permitted address that answers."""
        failure: Exception = httpcore.ConnectError("there is no address")
        for address in await self._guard.resolve(host, port):
            try:
                return await self._backend.connect_tcp(
                    address,
                    port,
                    timeout=min(timeout or _CONNECT_SECONDS, _CONNECT_SECONDS),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL leads to a socket of this machine."""
        raise ForbiddenAddress("no socket of this machine may be connected to")

    async def sleep(self, seconds: float) -> None:
        """See `httpcore`."""
        await self._backend.sleep(seconds)
