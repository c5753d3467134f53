"""What the command says of the API without asking it. A test compares it with the contracts."""

from typing import Final

CHANNELS: Final = ("email", "sms", "push", "webhook", "chat")
FINAL_STATUSES: Final = ("sent", "delivered", "failed", "cancelled", "expired")
