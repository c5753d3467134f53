import socket
from pathlib import Path

import pytest
from asyncnotify.local.ports import HOST, free_port
from asyncnotify.local.settings import UpSettings
from asyncnotify.local.system import LocalSystem, Ports, taken_ports
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


def test_the_setting_that_moves_a_taken_port_is_named_for_each_of_several_dispatchers() -> None:
    base = free_port(in_a_row=6)
    ports = Ports(
        gateway=base,
        publisher=base + 1,
        user_service=base + 2,
        redis=base + 3,
        dispatcher=base + 4,
    )
    system = LocalSystem(
        broker_url="redis://localhost", data_dir=Path("/data"), ports=ports, dispatchers=2
    )
    with socket.create_server((HOST, base + 3)), socket.create_server((HOST, base + 5)):
        hints = list(taken_ports(system.services(), redis=ports.redis))

    assert hints == [
        f"port {base + 5}: Address already in use; DISPATCHER_PORT chooses another one",
        f"port {base + 3}: Address already in use; REDIS_PORT chooses another one",
    ]
