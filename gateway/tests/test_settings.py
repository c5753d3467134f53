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
