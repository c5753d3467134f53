"""Ports of the loopback address: which are free, and why one is not."""

import os
import random
import socket
import sys
from collections import deque
from os import strerror
from typing import Final

HOST: Final = "127.0.0.1"
# Below those from which systems take the near end of a connection: between the asking and the
# listening, another connection could come to have it.
_PORTS: Final = range(15_000, 32_000)
_CHANCE = random.SystemRandom()
# Descriptors, one for each port given out lately, so that no other process gives it out meanwhile.
_claims: deque[int] = deque(maxlen=64)


def free_port(*, in_a_row: int = 1) -> int:
    """Return the first of so many ports in a row on which nothing listens.

    Raises:
        OSError: none was found.
    """
    for _ in range(100):
        port = _CHANCE.choice(_PORTS)
        if all(_claim(port + number) for number in range(in_a_row)):
            return port
    raise OSError("no free port")


def _claim(port: int) -> bool:
    """Take a free port for this process. Elsewhere than on Linux others may take it, too."""
    if why_taken(port):
        return False
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0asyncnotify-port-{port}")  # such a name goes with the process
    except OSError:
        claim.close()
        return False
    if len(_claims) == _claims.maxlen:
        os.close(_claims.popleft())
    _claims.append(claim.detach())
    return True


def why_taken(port: int) -> str | None:
    """Return why nothing can listen on this port; None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return strerror(error.errno or 0)
    return None
