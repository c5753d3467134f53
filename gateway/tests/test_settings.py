import pytest
from gateway.settings import GatewaySettings
from service_kit.settings import load_settings


def test_defaults_fit_make_run(monkeypatch):
    for name in ("GATEWAY_PORT", "PUBLISHER_URL", "USER_SERVICE_URL", "DISPATCHER_URL"):
        monkeypatch.delenv(name, raising=False)

    settings = load_settings(GatewaySettings)

    assert settings.gateway_port == 8000
    assert settings.publisher_url == "http://localhost:8001"
    assert settings.user_service_url == "http://localhost:8002"
    assert settings.dispatcher_url == "http://localhost:8003"
    assert settings.upstream_timeout.total_seconds() == 10
    assert settings.max_body_bytes == 1_572_864


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLISHER_URL", "publisher:8001"),
        ("GATEWAY_PORT", "70000"),
        ("UPSTREAM_TIMEOUT_SECONDS", "0"),
        ("UPSTREAM_MAX_CONNECTIONS", "none"),
        ("MAX_BODY_BYTES", "-1"),
    ],
)
def test_nonsense_is_refused_at_start_by_name(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as stop:
        load_settings(GatewaySettings)

    assert stop.value.code == 2
    assert name in capsys.readouterr().err


KEPT = {"GATEWAY_DATABASE_URL": "sqlite+aiosqlite:////tmp/keys.db", "INTERNAL_TOKEN": "x" * 16}


@pytest.mark.parametrize(
    ("environment", "needs_keys"),
    [
        ({}, False),
        ({"GATEWAY_HOST": "::1"}, False),
        ({"GATEWAY_HOST": "localhost"}, False),
        ({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_AUTH": "none"}, False),
        ({"GATEWAY_AUTH": "keys", **KEPT}, True),
        ({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_AUTH": "keys", **KEPT}, True),
        # As compose has it.
        ({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_BIND": "127.0.0.1", **KEPT}, False),
        ({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_BIND": "0.0.0.0", **KEPT}, True),
        ({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_BIND": "10.0.0.7", **KEPT}, True),
        (
            {"GATEWAY_HOST": "0.0.0.0", "GATEWAY_BIND": "10.0.0.7", "GATEWAY_AUTH": "none"},
            False,
        ),
    ],
)
def test_no_key_is_needed_only_where_nobody_else_comes_or_that_is_said(
    monkeypatch, environment, needs_keys
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load_settings(GatewaySettings).needs_keys is needs_keys


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"GATEWAY_HOST": "0.0.0.0"}, "GATEWAY_AUTH=keys, or GATEWAY_AUTH=none"),
        ({"GATEWAY_HOST": "192.168.0.7"}, "GATEWAY_AUTH=keys, or GATEWAY_AUTH=none"),
        ({"GATEWAY_HOST": "gateway.example"}, "GATEWAY_AUTH=keys, or GATEWAY_AUTH=none"),
        ({"GATEWAY_AUTH": "keys", "INTERNAL_TOKEN": "x" * 16}, "needs GATEWAY_DATABASE_URL"),
        ({"GATEWAY_AUTH": "keys"} | {**KEPT, "INTERNAL_TOKEN": ""}, "needs INTERNAL_TOKEN"),
        ({"GATEWAY_BIND": "0.0.0.0"}, "needs GATEWAY_DATABASE_URL"),
        ({"GATEWAY_AUTH": "on"}, "GATEWAY_AUTH"),
        ({"GATEWAY_DATABASE_URL": "mysql://u:s3cret@h/n"}, "GATEWAY_DATABASE_URL"),
    ],
)
def test_a_gateway_that_would_be_open_by_accident_does_not_start(
    monkeypatch, capsys, environment, said
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as stop:
        load_settings(GatewaySettings)

    written = capsys.readouterr().err
    assert stop.value.code == 2
    assert said in written
    assert "s3cret" not in written


def test_workers_need_a_database_that_all_of_them_use(monkeypatch, capsys):
    monkeypatch.setenv("GATEWAY_WORKERS", "2")

    with pytest.raises(SystemExit):
        load_settings(GatewaySettings)

    assert "GATEWAY_WORKERS needs GATEWAY_DATABASE_URL" in capsys.readouterr().err
