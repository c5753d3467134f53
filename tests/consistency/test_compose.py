"""What `.env` says reaches the containers."""

import re
from typing import Any

import pytest
from gateway.settings import GatewaySettings
from notification_dispatcher.settings import settings_class as dispatcher_settings
from notification_publisher.settings import PublisherSettings
from service_kit.settings import documented_settings
from user_service.settings import UserServiceSettings

SETTINGS: dict[str, Any] = {
    "gateway": GatewaySettings,
    "notification-publisher": PublisherSettings,
    "notification-dispatcher": dispatcher_settings(),
    "user-service": UserServiceSettings,
}
# Where services listen and find each other inside the network of compose.
FIXED = {
    *("GATEWAY_HOST", "PUBLISHER_HOST", "DISPATCHER_HOST", "USER_SERVICE_HOST"),
    *("GATEWAY_PORT", "PUBLISHER_PORT", "DISPATCHER_PORT", "USER_SERVICE_PORT"),
    *("PUBLISHER_URL", "USER_SERVICE_URL", "DISPATCHER_URL"),
    *("INTERNAL_TOKEN", "INTERNAL_TOKEN_FILE"),
    "GATEWAY_FIRST_KEY_PATH",
}
LAB = {"LAB_HTTP_PORT", "LAB_HTTPS_PORT", "LAB_SMTP_PORT", "LAB_SMTPS_PORT"}
CLIENT = {"ASYNCNOTIFY_URL", "ASYNCNOTIFY_KEY", "ASYNCNOTIFY_KEY_FILE"}
OUTSIDE = {"REDIS_PORT", "REDIS_SERVER", *CLIENT, *LAB}


def variables(settings):
    rows = documented_settings(settings)
    return [name for row in rows for name in (row.name, *row.aliases, *row.files)]


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_reaches_its_container(compose, service):
    environment = compose["services"][service]["environment"]
    reached = {
        name for name, value in environment.items() if value is None or f"${{{name}:-" in str(value)
    }

    retired = set(SETTINGS[service].retired)
    assert set(variables(SETTINGS[service])) | retired == set(environment)
    assert set(environment) - reached <= FIXED


def test_the_gateway_knows_on_which_address_it_is_published(compose):
    gateway = compose["services"]["gateway"]

    bind = gateway["environment"]["GATEWAY_BIND"]
    assert bind == "${GATEWAY_BIND:-127.0.0.1}"
    assert all(port.startswith(f"{bind}:") for port in gateway["ports"])


def test_all_that_compose_takes_is_in_the_example_and_the_other_way_round(root):
    example = set(re.findall(r"^#? ?([A-Z_]+)=", (root / ".env.example").read_text(), re.MULTILINE))
    text = (root / "docker-compose.yml").read_text()
    passed_on = set(re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE))
    filled_in = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)[:}]", text))

    assert passed_on | filled_in <= example
    assert example - passed_on - filled_in <= FIXED | OUTSIDE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("gateway", "notification-publisher"),
        ("gateway", "notification-dispatcher"),
        ("gateway", "user-service"),
        ("notification-dispatcher", "notification-publisher"),
        ("notification-dispatcher", "user-service"),
        ("notification-dispatcher", "redis"),
        ("notification-publisher", "redis"),
    ],
)
def test_a_service_is_stopped_before_what_it_stands_on(compose, before, after):
    assert after in compose["services"][before]["depends_on"]
