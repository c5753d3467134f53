"""How much of a server its clients may hold: connections, time, and file descriptors."""

import resource
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from service_kit.logs import get_logger
from service_kit.settings import ServiceSettings

log = get_logger(__name__)

# Of an accept queue that is full, all may be taken in one turn of the loop, before any is refused.
_LONGEST_ACCEPT_QUEUE: Final = 2048
# Standard streams, the listener, the event loop's own, open files, sockets to Redis or a database.
_OWN_DESCRIPTORS: Final = 96
_FEWEST_CONNECTIONS: Final = 32
# What "unlimited" is taken for: macOS refuses to be asked for more.
_ENOUGH_DESCRIPTORS: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What a server grants its clients. The defaults are those of the settings.

    `connections` may be open at once, and `reserve` more for health, metrics and operators, of
    which `streams` may be event streams. A client has `head` to send a request's line and headers,
    `body` to send its body, and `stalled` to read an answer, before its connection is closed;
    without a request its connection is kept for `idle`.
    `accept_queue` is how many may wait in the kernel.
    """

    connections: int = 2000
    reserve: int = 32
    streams: int = 1000
    head: timedelta = timedelta(seconds=10)
    body: timedelta = timedelta(seconds=30)
    idle: timedelta = timedelta(seconds=75)
    stalled: timedelta = timedelta(seconds=30)
    accept_queue: int = _LONGEST_ACCEPT_QUEUE


def limits_of(settings: ServiceSettings, *, streams: int = 0) -> ServerLimits:
    """Give the limits that the settings ask for, before it is known what the system grants."""
    return ServerLimits(
        connections=settings.max_connections,
        streams=streams,
        head=timedelta(seconds=settings.http_head_seconds),
        body=timedelta(seconds=settings.http_body_seconds),
        idle=timedelta(seconds=settings.http_idle_seconds),
        stalled=timedelta(seconds=settings.http_stalled_seconds),
    )


def grant(
    wanted: ServerLimits, *, service: str, upstream: int = 0, per_stream: int = 0
) -> ServerLimits:
    """Raise the process's limit of open files, and lower what does not fit into it.

    `upstream` is how many descriptors the service needs besides those of its clients, `per_stream`
    how many for each event stream besides the client's. What is lowered is logged. Streams never
    get more than half of the connections: requests must get in beside them.

    Raises:
        SystemExit: with code 1, if there is no room for a sensible number of connections.
    """
    open_files = _raise_open_files()
    queue = min(wanted.accept_queue, open_files // 8)
    room = open_files - queue - wanted.reserve - _OWN_DESCRIPTORS - upstream
    connections = min(wanted.connections, room)
    streams = min(wanted.streams, connections // 2)
    if connections + per_stream * streams > room:
        # Half of the connections may be streams, so that a connection costs 1 + per_stream / 2.
        connections = min(connections, 2 * room // (2 + per_stream))
        streams = min(streams, connections // 2)
    if connections < min(_FEWEST_CONNECTIONS, wanted.connections):
        needed = open_files - room + _FEWEST_CONNECTIONS * (1 + per_stream)
        sys.stderr.write(
            f"{service}: at most {open_files} files may be open, {needed} are needed; raise the"
            " hard limit (ulimit -Hn, LimitNOFILE, --ulimit nofile)\n"
        )
        raise SystemExit(1)
    granted = replace(wanted, connections=connections, streams=streams, accept_queue=queue)
    _tell(wanted, granted, open_files)
    return granted


def _tell(wanted: ServerLimits, granted: ServerLimits, open_files: int) -> None:
    if (granted.connections, granted.streams) != (wanted.connections, wanted.streams):
        log.warning(
            "limits.lowered",
            open_files=open_files,
            max_connections=granted.connections,
            max_connections_wanted=wanted.connections,
            max_streams=granted.streams,
            max_streams_wanted=wanted.streams,
        )


def _raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; give what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        log.warning("limits.not_raised", open_files=soft, wanted=wanted, error=str(error))
        return soft
    return wanted
