from pathlib import Path

import pytest
from asyncnotify.local.internal_token import keep_token, needs_token
from asyncnotify.local.system import LocalSystem
from notification_publisher.settings import PublisherSettings
from service_kit.settings import load_settings

KEYS = {"GATEWAY_AUTH": "keys"}


@pytest.mark.parametrize(
    ("environment", "is_made"),
    [
        ({}, False),
        ({"GATEWAY_AUTH": "none"}, False),
        (KEYS, True),
        (KEYS | {"INTERNAL_TOKEN": "", "INTERNAL_TOKEN_FILE": ""}, True),
        (KEYS | {"INTERNAL_TOKEN": "0123456789abcdef"}, False),
        (KEYS | {"INTERNAL_TOKEN_FILE": "/run/token"}, False),
    ],
)
def test_a_secret_is_made_where_keys_are_asked_for_and_none_is_named(
    environment: dict[str, str], is_made: bool
) -> None:
    assert needs_token(environment) is is_made


def test_all_services_read_the_same_secret_and_it_stays_over_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = LocalSystem(broker_url="redis://localhost", data_dir=tmp_path, has_token=True)
    keep_token(system.token_file)
    first = system.token_file.read_text()
    keep_token(system.token_file)

    [path] = {each.environment["INTERNAL_TOKEN_FILE"] for each in system.services()}
    monkeypatch.setenv("INTERNAL_TOKEN_FILE", path)
    assert load_settings(PublisherSettings).internal_token == first.strip()
    assert system.token_file.read_text() == first
    assert system.token_file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["internal-token"]


def test_without_keys_services_are_told_nothing(tmp_path: Path) -> None:
    system = LocalSystem(broker_url="redis://localhost", data_dir=tmp_path)

    assert not any("INTERNAL_TOKEN_FILE" in each.environment for each in system.services())
