"""The error of waiting too short."""

from asyncnotify.errors import AsyncNotifyError
from asyncnotify.models.notifications import Notification


class NotEnded(AsyncNotifyError, TimeoutError):
    """Raised when a notification had not ended in time. `notification` is where it was."""

    def __init__(self, notification: Notification, seconds: float) -> None:
        super().__init__(notification, seconds)
        self.notification = notification
        self.seconds = seconds

    def __str__(self) -> str:
        trace_id, status = self.notification["trace_id"], self.notification["status"]
        return f"{trace_id} is {status} after {self.seconds:g} s of waiting"
