"""Signs what is posted to a URL, with one or several secrets.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook


def signed_headers(
    keys: Sequence[Webhook], webhook_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    """Return the headers that say which event it is, from when, and by whom.

    A receiver that changes from one secret to the next knows one of the signatures.
    """
    # Of a time in another zone the library signs the wrong second.
    at, text = now.astimezone(UTC), body.decode()
    headers = {
        "user-agent": "AsyncNotify",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
    }
    signatures = [key.sign(webhook_id, at, text) for key in keys]
    return {**headers, "webhook-signature": " ".join(signatures)} if signatures else headers
