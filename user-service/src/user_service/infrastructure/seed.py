"""Users that every new store knows, so that the first request of a newcomer works."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from user_service.domain.user import User, UserId

SEED_USERS: Final[Sequence[User]] = tuple(
    User.reached_at(
        UserId(name),
        {
            "email": f"{name}@example.com",
            "sms": number,
            "push": f"push-token-{name}",
            "webhook": f"https://example.com/webhooks/{name}",
            "chat": f"chat-{name}",
        },
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        preferred_channel="email",
    )
    # +1 202 555 01xx is kept free for fiction: no message reaches a stranger.
    for name, number in (
        ("user_test", "+12025550101"),
        ("testuser", "+12025550102"),
        ("123", "+12025550103"),
    )
)
