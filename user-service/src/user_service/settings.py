"""What the user-service can be told, by environment variables."""

from typing import Annotated

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field
from service_kit.settings import ServiceSettings
from service_kit.sql.urls import MEMORY_URL, DatabaseUrl


def _region(text: str) -> str:
    region = text.upper()
    if region not in SUPPORTED_REGIONS:
        message = "must be the two letters of a country, as DE"
        raise ValueError(message)
    return region


class UserServiceSettings(ServiceSettings):
    """Where users are kept, and where the service listens."""

    user_service_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    user_service_port: int = Field(default=8002, ge=0, le=65535, description="Port to listen on.")
    users_database_url: DatabaseUrl = Field(
        default=MEMORY_URL,
        # It may hold a password, and settings end in tracebacks.
        repr=False,
        description=(
            "Where users are kept: `memory://`, `sqlite+aiosqlite:///FILE`, "
            "`postgresql+asyncpg://USER:PASSWORD@HOST/NAME`."
        ),
    )
    users_default_region: Annotated[str, AfterValidator(_region)] | None = Field(
        default=None,
        description=(
            "The country (ISO 3166, as `DE`) of phone numbers without a country code; "
            "if it is not set, they are refused."
        ),
    )
