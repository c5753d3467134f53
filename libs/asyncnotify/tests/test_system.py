from pathlib import Path

import pytest
from asyncnotify.local.settings import UpSettings
from asyncnotify.local.system import LocalSystem
from service_kit.settings import load_settings
from sqlalchemy import make_url
from user_service.settings import UserServiceSettings


@pytest.mark.parametrize("name", ["plain", "a b", "a?b", "a%41b", "a#b", "ä", "%", "a@b:c"])
def test_users_are_kept_in_the_data_folder_whatever_its_name_is(name: str) -> None:
    folder = Path("/data") / name
    system = LocalSystem(broker_url="redis://localhost", data_dir=folder)

    [url] = {each.environment["USERS_DATABASE_URL"] for each in system.services()}

    assert make_url(url).database == str(folder / "users.db")
    assert not make_url(url).query


def test_services_are_told_what_was_read_from_files_and_do_not_read_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "database"
    secret.write_text("sqlite+aiosqlite:////data/there.db\n")
    monkeypatch.setenv("USERS_DATABASE_URL_FILE", str(secret))
    system = LocalSystem(
        broker_url="redis://:hush@localhost",
        data_dir=tmp_path,
        users_database_url=load_settings(UpSettings).users_database_url,
    )
    [service] = [each for each in system.services() if each.name == "user-service"]
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)

    settings = load_settings(UserServiceSettings)

    assert settings.users_database_url == "sqlite+aiosqlite:////data/there.db"
    assert "hush" not in repr(system)
