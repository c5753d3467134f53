from datetime import timedelta

import pytest
from notification_publisher.settings import PublisherSettings
from pydantic import ValidationError
from service_kit.settings import documented_settings, load_settings

REDIS = "redis://redis.test:6379/0"
RABBITMQ = "amqps://user:secret@rabbit.test/vhost"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in documented_settings(PublisherSettings):
        for name in (row.name, *row.aliases):
            monkeypatch.delenv(name, raising=False)


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings(PublisherSettings)

    assert settings.broker_url == settings.stores.ledger_url == "redis://localhost:6379/0"
    assert (settings.publisher_host, settings.publisher_port) == ("127.0.0.1", 8001)
    assert settings.stores.retention == timedelta(days=30)
    assert not settings.allow_volatile


def test_rabbitmq_url_is_taken_if_broker_url_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", RABBITMQ)
    monkeypatch.setenv("BROKER_URL", "")

    assert load_settings(PublisherSettings).broker_url == RABBITMQ


def test_broker_url_wins_over_rabbitmq_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBITMQ_URL", RABBITMQ)
    monkeypatch.setenv("BROKER_URL", REDIS)

    assert load_settings(PublisherSettings).broker_url == REDIS


@pytest.mark.parametrize(
    ("broker_url", "ledger_url", "effective"),
    [
        (REDIS, None, REDIS),
        (REDIS, REDIS, REDIS),
        (RABBITMQ, None, "memory://"),
        (RABBITMQ, REDIS, REDIS),
        ("memory://", None, "memory://"),
    ],
)
def test_the_ledger_is_the_brokers_if_that_is_redis(
    broker_url: str, ledger_url: str | None, effective: str
) -> None:
    settings = PublisherSettings(broker_url=broker_url, ledger_url=ledger_url)

    assert settings.stores.ledger_url == effective


def test_a_ledger_apart_from_a_queue_on_redis_is_refused() -> None:
    with pytest.raises(ValidationError, match="LEDGER_URL"):
        PublisherSettings(broker_url=REDIS, ledger_url="memory://")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "kafka://broker"),
        ("LEDGER_URL", "postgresql://ledger"),
        ("PUBLISHER_PORT", "70000"),
        ("MAX_WAITING", "0"),
        ("MAX_ATTEMPTS", "8"),
        ("REPLAY_PER_SECOND", "0"),
    ],
)
def test_a_bad_value_ends_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as end:
        load_settings(PublisherSettings)

    assert end.value.code == 2
    assert name in capsys.readouterr().err


def test_a_password_in_a_url_is_not_shown() -> None:
    assert "secret" not in repr(PublisherSettings(broker_url=RABBITMQ))


@pytest.mark.parametrize(("broker", "ledger"), [("memory://", None), (RABBITMQ, None)])
def test_workers_need_records_that_all_of_them_see(broker, ledger):
    with pytest.raises(ValueError, match="PUBLISHER_WORKERS needs records in Redis"):
        PublisherSettings(publisher_workers=2, broker_url=broker, ledger_url=ledger)


@pytest.mark.parametrize(("broker", "ledger"), [(REDIS, None), (RABBITMQ, REDIS)])
def test_workers_may_share_records_in_redis(broker, ledger):
    settings = PublisherSettings(publisher_workers=2, broker_url=broker, ledger_url=ledger)

    assert settings.publisher_workers == 2
