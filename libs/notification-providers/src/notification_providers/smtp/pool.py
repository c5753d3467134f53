"""Connections that are kept for the next mail."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from notification_providers.smtp.connection import SmtpConnection

# Servers close what is idle for long, and some limit how many mails one connection may bring.
LONGEST_IDLE_SECONDS: Final = 30.0
MOST_MAILS: Final = 100


@dataclass(slots=True, kw_only=True)
class Pool:
    """Open connections that nobody uses now; the one used last comes first."""

    monotonic: Callable[[], float] = time.monotonic
    _idle: list[SmtpConnection] = field(default_factory=list, init=False)

    def take(self) -> SmtpConnection | None:
        """Take a connection out; None if there is none that is worth it."""
        self._close_stale()
        return self._idle.pop() if self._idle else None

    def keep(self, connection: SmtpConnection) -> None:
        """Put a connection in, for whoever comes next; or close it."""
        if connection.is_open and connection.mails < MOST_MAILS:
            connection.idle_since = self.monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        self._close_stale()

    def empty(self) -> list[SmtpConnection]:
        """Take all out."""
        idle, self._idle = self._idle, []
        return idle

    def _close_stale(self) -> None:
        oldest = self.monotonic() - LONGEST_IDLE_SECONDS
        for connection in self.empty():
            if connection.is_open and connection.idle_since >= oldest:
                self._idle.append(connection)
            else:
                connection.close()
