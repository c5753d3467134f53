"""How many answers without an end may be under way at once."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Final

from service_kit.http.problems import Problem, ProblemError

TOO_MANY_STREAMS: Final = Problem(
    503, "too_many_streams", "Too many event streams are open", timedelta(seconds=10)
)


class StreamSlots:
    """Room for `limit` event streams; a `slot` is held for as long as one is open.

    Slots `within` others take one of those as well.
    """

    def __init__(self, limit: int, *, within: "StreamSlots | None" = None) -> None:
        self._limit = limit
        self._within = within
        self._taken = 0

    def part(self) -> "StreamSlots":
        """Return slots of these: no more than half, so that what takes them leaves room."""
        return StreamSlots(max(1, self._limit // 2), within=self)

    @property
    def has_room(self) -> bool:
        """Tell whether a slot is left."""
        return self._taken < self._limit and (self._within is None or self._within.has_room)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot.

        Raises:
            ProblemError: `TOO_MANY_STREAMS`, if no slot is left.
        """
        if not self.has_room:
            raise ProblemError(TOO_MANY_STREAMS)
        with self._within.slot() if self._within else nullcontext():
            self._taken += 1
            try:
                yield
            finally:
                self._taken -= 1
