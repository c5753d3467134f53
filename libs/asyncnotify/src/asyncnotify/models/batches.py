"""What became of the parts of a batch."""

from typing import Any

from asyncnotify.answers import refusal
from asyncnotify.errors import Refused
from asyncnotify.models.base import Answer


class BatchItem(Answer):
    """What became of one part of a batch. `status` is the HTTP status that it alone would get."""

    required = ("status",)
    status: int
    problem: dict[str, Any] | None
    retry_after: int | None

    @property
    def error(self) -> Refused | None:
        """Return what the call for this part alone would have raised; None: it was accepted."""
        problem = self.problem
        return None if problem is None else refusal(self.status, problem, self.retry_after)


class NotificationBatchItem(BatchItem):
    """What became of one notification of a batch."""

    trace_id: str | None
    status_url: str | None
    replayed: bool | None
    segments: int | None


class UserBatchItem(BatchItem):
    """What became of one user of a batch."""

    user_id: str | None


class BatchAnswer(Answer):
    """What became of all parts, in the order in which they were given."""

    required = ("items",)
