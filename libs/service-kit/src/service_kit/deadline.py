"""The last resort of a stop: whatever it hangs on, the process ends."""

import os
import sys
import threading
from datetime import timedelta

from service_kit.logs import get_logger

log = get_logger(__name__)


class StopDeadline:
    """Ends the process with code 1 when a stop that has begun is not over `within` its time.

    In a thread: what hangs may be the event loop, or a look-up of a name, which nothing can cancel.
    """

    def __init__(self, within: timedelta) -> None:
        self._timer = threading.Timer(within.total_seconds(), self._end)
        self._timer.daemon = True
        self._within = within
        self._has_begun = False

    def begin(self) -> None:
        """Let the time run. Only the first call counts."""
        if not self._has_begun:
            self._has_begun = True
            self._timer.start()

    def _end(self) -> None:
        log.error("service.stop_cut_short", after_s=self._within.total_seconds())
        sys.stdout.flush()
        os._exit(1)
