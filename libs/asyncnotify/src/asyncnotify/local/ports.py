"""Ports of the loopback address: which are free, and why one is not."""

import random
import socket
from os import strerror
from typing import Final

HOST: Final = "127.0.0.1"
# Below those from which systems take the near end of a connection: between the asking and the
# listening, another connection could come to have it.
_PORTS: Final = range(15_000, 32_000)
_CHANCE = random.SystemRandom()


def free_port(*, in_a_row: int = 1) -> int:
    """Return the first of so many ports in a row on which nothing listens.

    Raises:
        OSError: none was found.
    """
    for _ in range(100):
        port = _CHANCE.choice(_PORTS)
        if not any(why_taken(port + number) for number in range(in_a_row)):
            return port
    raise OSError("no free port")


def why_taken(port: int) -> str | None:
    """Return why nothing can listen on this port; None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return strerror(error.errno or 0)
    return None
