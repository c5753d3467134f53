"""Free ports, for servers that a test starts."""

import random
import socket
from typing import Final

# Below those from which systems take the near end of a connection: between the asking and the
# listening, another connection could come to have it.
_PORTS: Final = range(15_000, 32_000)
_CHANCE = random.SystemRandom()


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that nobody listens on.

    Raises:
        OSError: none was found.
    """
    for _ in range(100):
        port = _CHANCE.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")
