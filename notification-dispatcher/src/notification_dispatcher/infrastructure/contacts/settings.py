"""What the dispatcher can be told of the user-service."""

from datetime import timedelta

from pydantic import Field
from service_kit.settings import HttpUrl, ServiceSettings

from notification_dispatcher.infrastructure.contacts.batching import ContactLimits


class ContactSettings(ServiceSettings):
    """Where the user-service is, how long it may take, and how long its answers count."""

    user_service_url: HttpUrl = Field(
        default="http://localhost:8002", description="Where contacts are looked up."
    )
    contact_timeout_seconds: float = Field(
        default=2, gt=0, le=30, description="How long the user-service may take to answer."
    )
    contact_cache_seconds: float = Field(
        default=0,
        ge=0,
        description="How old a contact may be. Above 0 a change is seen that much later, and the "
        "user-service is asked less.",
    )
    contact_stale_seconds: float = Field(
        default=3600, ge=0, description="How old it may be while the user-service is down."
    )
    contact_cache_users: int = Field(
        default=50_000, ge=1, description="How many users' contacts are remembered."
    )

    @property
    def contact_timeout(self) -> timedelta:
        """How long the user-service may take to answer."""
        return timedelta(seconds=self.contact_timeout_seconds)

    @property
    def contacts(self) -> ContactLimits:
        """How old contacts may be, and how many are remembered."""
        return ContactLimits(
            fresh=timedelta(seconds=self.contact_cache_seconds),
            stale=timedelta(seconds=self.contact_stale_seconds),
            max_users=self.contact_cache_users,
        )
