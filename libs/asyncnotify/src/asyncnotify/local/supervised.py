"""What a supervisor keeps running."""

from typing import Protocol


class NotStartable(OSError):
    """Raised by a program that does not start however often it is tried; says what to do."""


class Program(Protocol):
    """Something that runs as a process of its own and can be started again after it died."""

    @property
    def name(self) -> str:
        """Return what people call it."""
        ...

    @property
    def pid(self) -> int | None:
        """Return the running process's id."""
        ...

    async def start(self) -> None:
        """Start the process."""
        ...

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        ...

    async def stop(self) -> None:
        """End it gracefully; by force after a deadline."""
        ...

    async def is_ready(self) -> bool:
        """Tell whether it does its work by now."""
        ...
