"""How caps are asked for."""

import pytest
from notification_dispatcher.infrastructure.caps.caps import ChannelCaps, Countries
from notification_dispatcher.infrastructure.caps.settings import CapSettings
from pydantic import ValidationError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in CapSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_only_sms_by_a_real_provider_is_capped_unless_it_is_asked_for():
    settings = CapSettings()

    assert settings.caps_of("sms", is_real=True) == ChannelCaps(per_address=30, pumping_numbers=30)
    assert not settings.caps_of("sms", is_real=False).is_any
    assert not settings.caps_of("email", is_real=True).is_any


def test_what_is_asked_for_counts_for_fakes_too():
    settings = CapSettings(
        MAX_PER_ADDRESS_PER_HOUR="sms=2, email=100",
        MAX_PER_DAY="sms=5000",
        SMS_COUNTRIES="ch,DE=500,*=20",
    )

    assert settings.caps_of("sms", is_real=False) == ChannelCaps(
        per_address=2,
        per_day=5000,
        countries=Countries({"CH": None, "DE": 500, "*": 20}),
    )
    assert settings.caps_of("email", is_real=False) == ChannelCaps(per_address=100)


def test_the_default_can_be_switched_off():
    settings = CapSettings(MAX_PER_ADDRESS_PER_HOUR="none", SMS_PUMPING_NUMBERS=0)

    assert not settings.caps_of("sms", is_real=True).is_any


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_PER_ADDRESS_PER_HOUR", "30"),
        ("MAX_PER_ADDRESS_PER_HOUR", "sms=0"),
        ("MAX_PER_ADDRESS_PER_HOUR", "sms=many"),
        ("MAX_PER_ADDRESS_PER_HOUR", "fax=3"),
        ("MAX_PER_DAY", "sms=3,sms=4"),
        ("SMS_COUNTRIES", "Germany"),
        ("SMS_COUNTRIES", "DE=0"),
        ("SMS_COUNTRIES", "DE,DE=5"),
        ("SMS_PUMPING_NUMBERS", "-1"),
    ],
)
def test_what_makes_no_sense_stops_the_start(name, value):
    with pytest.raises(ValidationError):
        CapSettings(**{name: value})
