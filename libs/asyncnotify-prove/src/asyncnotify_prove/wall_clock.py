"""A wall clock that is wrong, for one process: libfaketime stands between it and the system.

    wall_clock = WallClock(folder / "clock")
    start_a_process(env=os.environ | wall_clock.environment)
    wall_clock.set(timedelta(hours=1))  # it jumps at once, in all processes that were given it

Only the time of day is changed. Timers, sleeps and monotonic clocks go on as they were.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

_LIBRARIES: Final = (
    "/usr/lib/*-linux-gnu*/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)
# For a program with another allocator, as redis-server has: libfaketime allocates before that is
# ready, and they wait for each other. Loaded first, the C library's own is taken.
_ALLOCATOR: Final = "libc.so.6"


class NoFaketime(Exception):
    """Raised when libfaketime is not installed."""


def find_faketime() -> Path | None:
    """Return libfaketime's library for programs with threads; None where it is not installed."""
    for pattern in _LIBRARIES:
        for found in Path("/").glob(pattern.lstrip("/")):
            return found
    return None


class WallClock:
    """The time of day of those processes that are started with its `environment`."""

    def __init__(self, file: Path, offset: timedelta = timedelta(0)) -> None:
        """`file` keeps the offset, and is read whenever a process asks for the time.

        Raises:
            NoFaketime: libfaketime is not installed.
        """
        library = find_faketime()
        if library is None:
            raise NoFaketime("libfaketime is not installed (Debian: apt-get install faketime)")
        self._library = library
        self._file = file.absolute()
        self.set(offset)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs in its environment to go by this clock."""
        return {
            "LD_PRELOAD": f"{self._library} {_ALLOCATOR}",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset: timedelta) -> None:
        """Let it show the true time plus `offset`, which may be negative, from now on."""
        written = self._file.with_name(self._file.name + ".new")
        written.write_text(f"{offset.total_seconds():+.3f}\n", encoding="ascii")
        written.replace(self._file)  # a reader finds the old one or the new one
