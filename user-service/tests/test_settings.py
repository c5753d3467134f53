import pytest
from pydantic import ValidationError
from user_service.settings import UserServiceSettings


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "sqlite+aiosqlite:///.data/users.db",
        "sqlite+aiosqlite:////var/lib/users.db",
        "postgresql+asyncpg://user:word@host/users",
    ],
)
def test_a_store_is_chosen_by_its_url(url: str) -> None:
    assert UserServiceSettings(users_database_url=url).users_database_url == url


@pytest.mark.parametrize(
    "url",
    [
        "memory",
        "memory://elsewhere",
        "sqlite:///users.db",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "postgresql://host/users",
        "mysql://host/users",
        "postgresql+asyncpg://host:port/users",
        "nonsense",
    ],
)
def test_a_url_of_no_store_is_refused_with_those_that_there_are(url: str) -> None:
    with pytest.raises(ValidationError, match="must be memory://"):
        UserServiceSettings(users_database_url=url)


def test_the_password_of_the_database_is_not_shown() -> None:
    settings = UserServiceSettings(users_database_url="postgresql+asyncpg://u:secret@host/users")

    assert "secret" not in f"{settings!r} {settings}"


def test_a_default_region_is_a_country() -> None:
    assert UserServiceSettings(users_default_region="de").users_default_region == "DE"


@pytest.mark.parametrize("region", ["XX", "Germany", "49"])
def test_a_default_region_that_is_no_country_is_refused(region: str) -> None:
    with pytest.raises(ValidationError, match="country"):
        UserServiceSettings(users_default_region=region)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_SERVICE_PORT", "9002")
    monkeypatch.setenv("USERS_DATABASE_URL", "sqlite+aiosqlite:///users.db")

    settings = UserServiceSettings()

    assert settings.user_service_port == 9002
    assert settings.users_database_url == "sqlite+aiosqlite:///users.db"
