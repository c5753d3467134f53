"""How many answers without an end may be under way at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from service_kit.http.problems import Problem, ProblemError

TOO_MANY_STREAMS: Final = Problem(
    503, "too_many_streams", "Too many event streams are open", timedelta(seconds=10)
)


class StreamSlots:
    """Room for `limit` event streams; a `slot` is held for as long as one is open."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot.

        Raises:
            ProblemError: `TOO_MANY_STREAMS`, if no slot is left.
        """
        if self._taken >= self._limit:
            raise ProblemError(TOO_MANY_STREAMS)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
