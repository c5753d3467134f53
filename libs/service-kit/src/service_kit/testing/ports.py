"""Free ports, for servers that a test starts."""

import socket


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
