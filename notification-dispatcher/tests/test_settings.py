from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from notification_contracts.channels import CHANNELS
from notification_dispatcher.domain.retries import DEFAULT_SCHEDULE, parse_schedule
from notification_dispatcher.settings import settings_class
from notification_providers.registry import open_providers
from notification_providers.urls import ProviderContext
from pydantic import ValidationError
from service_kit.settings import documented_settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Take away what the shell may have set."""
    for row in documented_settings(settings_class()):
        for name in (row.name, *row.aliases):
            monkeypatch.delenv(name, raising=False)


def loaded(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(settings_class())


def test_without_an_environment_everything_has_its_default():
    settings = load_settings(settings_class())

    assert settings.broker_url == "redis://localhost:6379/0"
    assert settings.retries.schedule == parse_schedule(DEFAULT_SCHEDULE)
    assert settings.channels == list(CHANNELS)
    assert settings.validates
    assert settings.holding_channels == frozenset()
    assert settings.fake_outbox is None


def test_names_are_those_of_the_public_contract(monkeypatch, tmp_path):
    environment = {
        "BROKER_URL": "redis://broker:1/0",
        "USER_SERVICE_URL": "http://users:2",
        "FAKE_OUTBOX": str(tmp_path / "outbox"),
        "DISPATCHER_CONCURRENCY": "5",
        "DISPATCHER_STAGES": "delivery.sms,validation",
        "DISPATCHER_HOST": "0.0.0.0",
        "DISPATCHER_PORT": "9",
        "RETRY_SCHEDULE": "1s,2m",
        "PROVIDER_TIMEOUT_SECONDS": "3.5",
        "CONTACT_CACHE_SECONDS": "4",
        "SMS_ON_AMBIGUOUS": "hold",
        "EMAIL_PROVIDERS": "fake://one, fake://two?per_second=5",
    }
    settings = loaded(monkeypatch, environment)

    assert settings.channels == ["sms"]
    assert settings.validates
    assert settings.holding_channels == {"sms"}
    assert settings.fake_outbox == Path(environment["FAKE_OUTBOX"])
    assert settings.retries.schedule == (timedelta(seconds=1), timedelta(minutes=2))
    assert settings.contacts.fresh == timedelta(seconds=4)
    context = partial(ProviderContext, now=lambda: datetime.now(UTC))
    opened = open_providers(settings.provider_urls, context, settings.provider_limits)["email"]
    assert [provider.name for provider, _ in opened] == ["fake-one", "fake-two"]
    assert [limits.per_second for _, limits in opened] == [None, 5]
    assert [limits.timeout for _, limits in opened] == [timedelta(seconds=3.5)] * 2


def test_rabbitmq_url_is_taken_where_no_broker_url_is_set(monkeypatch):
    monkeypatch.setenv("RABBITMQ_URL", "amqp://rabbit")
    assert load_settings(settings_class()).broker_url == "amqp://rabbit"

    monkeypatch.setenv("BROKER_URL", "redis://redis")
    assert load_settings(settings_class()).broker_url == "redis://redis"


@pytest.mark.parametrize(
    ("stages", "validates", "channels"),
    [
        ("all", True, list(CHANNELS)),
        ("validation", True, []),
        ("delivery", False, list(CHANNELS)),
        ("delivery.push", False, ["push"]),
        ("validation, delivery.sms", True, ["sms"]),
    ],
)
def test_stages_say_what_a_process_works_on(stages, validates, channels):
    settings = settings_class()(DISPATCHER_STAGES=stages)

    assert (settings.validates, settings.channels) == (validates, channels)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "kafka://x"),
        ("USER_SERVICE_URL", "users:2"),
        ("DISPATCHER_STAGES", "delivery.fax"),
        ("DISPATCHER_STAGES", " , "),
        ("DISPATCHER_CONCURRENCY", "0"),
        ("RETRY_SCHEDULE", "5s,soon"),
        ("RETRY_SCHEDULE", "0s"),
        ("RETRY_SCHEDULE", ","),
        ("RETRY_SCHEDULE", ",".join(["1s"] * 100)),
        ("MAX_ATTEMPTS", "8"),
        ("EMAIL_PROVIDERS", "pigeon://loft"),
        ("EMAIL_PROVIDERS", ","),
        ("PUSH_PROVIDERS", "fake://?script=dance"),
        ("SMS_ON_AMBIGUOUS", "shrug"),
        ("DELIVERY", "lve"),
        ("DELIVERY", "redirect:somewhere"),
        ("DELIVERY", "allow:"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_name(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit):
        load_settings(settings_class())

    assert f"{name}:" in capsys.readouterr().err


def test_a_lease_shorter_than_a_providers_time_out_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("LEASE_SECONDS", "10")

    with pytest.raises(SystemExit):
        load_settings(settings_class())

    assert "LEASE_SECONDS: must be more than PROVIDER_TIMEOUT_SECONDS" in capsys.readouterr().err


def test_the_time_out_in_a_providers_url_counts_like_the_setting(monkeypatch, capsys):
    monkeypatch.setenv("SMS_PROVIDERS", "fake://one,fake://two?timeout_seconds=40")
    monkeypatch.setenv("LEASE_SECONDS", "39")

    with pytest.raises(SystemExit):
        load_settings(settings_class())

    assert "LEASE_SECONDS: must be more than" in capsys.readouterr().err


def test_a_provider_that_may_take_longer_than_any_stop_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("SMS_PROVIDERS", "fake://?timeout_seconds=46")

    with pytest.raises(SystemExit):
        load_settings(settings_class())

    assert "timeout_seconds in a provider's URL: must be at most 45" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "slowest"),
    [
        ({}, 10),
        ({"PROVIDER_TIMEOUT_SECONDS": 30}, 30),
        ({"EMAIL_PROVIDERS": "fake://?timeout_seconds=1,fake://?timeout_seconds=20"}, 20),
    ],
)
def test_a_stop_leaves_the_slowest_provider_its_time(settings, slowest):
    grace = settings_class()(**settings).workers.grace

    assert timedelta(seconds=slowest) < grace <= timedelta(seconds=slowest + 8)


def test_settings_that_may_hold_keys_stay_out_of_tracebacks():
    settings = settings_class()(
        BROKER_URL="redis://:secret@host", EMAIL_PROVIDERS="fake://user:secret@host"
    )

    assert "secret" not in repr(settings)


def test_a_refused_provider_is_not_quoted():
    with pytest.raises(ValidationError) as refused:
        settings_class()(EMAIL_PROVIDERS="pigeon://user:secret@host")

    assert "secret" not in str(refused.value)


def test_durations_are_seconds_unless_they_say_otherwise():
    assert [delay.total_seconds() for delay in parse_schedule("7, 0.5s,2m,1h,1d")] == [
        7,
        0.5,
        120,
        3600,
        86400,
    ]


@pytest.mark.parametrize(
    ("environment", "calls"),
    [
        ({}, 64),
        ({"DISPATCHER_CONCURRENCY": "1000"}, 1000),
        ({"DISPATCHER_CONCURRENCY": "1000", "PROVIDER_CONCURRENCY": ""}, 1000),
        ({"DISPATCHER_CONCURRENCY": "1000", "PROVIDER_CONCURRENCY": "10"}, 10),
    ],
)
def test_as_many_calls_as_notifications_unless_it_is_said_otherwise(
    monkeypatch, environment, calls
):
    settings = loaded(monkeypatch, environment)

    assert settings.provider_limits.concurrency == calls


def test_a_worker_takes_up_hardly_more_than_its_providers_may_be_given(monkeypatch):
    urls = "fake://?concurrency=3,fake://?concurrency=5"
    environment = {"DISPATCHER_CONCURRENCY": "100", "SMS_PROVIDERS": urls}
    workers = loaded(monkeypatch, environment).workers

    assert (workers.concurrency_on(None), workers.concurrency_on("email")) == (100, 100)
    assert 8 < workers.concurrency_on("sms") < 16
