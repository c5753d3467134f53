import json

import pytest
from asyncnotify.local.effective_settings import effective_settings

SERVICES = {
    "asyncnotify up",
    "gateway",
    "notification-dispatcher",
    "notification-publisher",
    "user-service",
}


def shown(name, environment=None, dotenv=None, service="notification-dispatcher"):
    found = effective_settings(environment or {}, dotenv or {})
    [setting] = [each for each in found if (each.service, each.name) == (service, name)]
    return setting.value, setting.origin


def test_the_settings_of_all_services_are_listed():
    assert {each.service for each in effective_settings({}, {})} == SERVICES


@pytest.mark.parametrize(
    ("name", "environment", "dotenv", "expected"),
    [
        ("DISPATCHER_PORT", {}, {}, ("8003", "default")),
        (
            "DISPATCHER_PORT",
            {"DISPATCHER_PORT": "1"},
            {"DISPATCHER_PORT": "2"},
            ("1", "environment"),
        ),
        ("DISPATCHER_PORT", {}, {"DISPATCHER_PORT": "2"}, ("2", ".env")),
        ("DISPATCHER_PORT", {"DISPATCHER_PORT": ""}, {}, ("8003", "default")),
        ("EMAIL_PROVIDERS", {}, {}, ("fake://", "default")),
        (
            "EMAIL_PROVIDERS",
            {"EMAIL_PROVIDERS": "smtp://me:hush@there, fake://"},
            {},
            ("smtp://***, fake://", "environment"),
        ),
        ("EMAIL_PROVIDERS", {}, {"EMAIL_PROVIDERS_FILE": "/run/hush"}, ("***", "file /run/hush")),
        (
            "BROKER_URL",
            {"RABBITMQ_URL": "amqp://me:hush@there"},
            {},
            ("amqp://***", "environment, RABBITMQ_URL"),
        ),
        ("BROKER_URL", {"BROKER_URL": "hush"}, {}, ("***", "environment")),
    ],
)
def test_each_says_where_it_comes_from_and_no_secret_is_shown(name, environment, dotenv, expected):
    assert shown(name, environment, dotenv) == expected


async def test_the_command_shows_what_is_changed(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SMS_PROVIDERS=twilio://AC1:hush@/+1\nMAX_WAITING=7\n")

    code, out, err = await command("config", "--changed", "--json")

    found = {each["name"]: each for each in json.loads(out)["settings"]}
    assert code == 0
    assert found["MAX_WAITING"]["origin"] == ".env"
    assert found["SMS_PROVIDERS"]["value"] == "twilio://***"
    assert "hush" not in out + err
