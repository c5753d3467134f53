from pathlib import Path

import pytest
from asyncnotify.local.system import LocalSystem
from sqlalchemy import make_url


@pytest.mark.parametrize("name", ["plain", "a b", "a?b", "a%41b", "a#b", "ä", "%", "a@b:c"])
def test_users_are_kept_in_the_data_folder_whatever_its_name_is(name: str) -> None:
    folder = Path("/data") / name
    system = LocalSystem(broker_url="redis://localhost", data_dir=folder)

    [url] = {each.environment["USERS_DATABASE_URL"] for each in system.services()}

    assert make_url(url).database == str(folder / "users.db")
    assert not make_url(url).query
