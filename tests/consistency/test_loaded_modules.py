"""A service's process loads what it uses: memory and the time of a start are made of modules."""

import json
import subprocess
import sys

import pytest

BUILT = """
import gc, json, sys
from service_kit.launch import load

main = load(sys.argv[1] + ".main")
settings = getattr(load(sys.argv[1] + ".settings"), sys.argv[2])
if not isinstance(settings, type):
    settings = settings()
main.build(settings(**json.loads(sys.argv[3])))
print(json.dumps(sorted(name for name, module in sys.modules.items() if module)))
"""
COMMAND_LINE = {"click.testing", "httpx", "rich", "typer"}
SQL = {"alembic", "asyncpg", "mako", "sqlalchemy"}
RABBITMQ = {"aio_pika", "aiormq", "pamqp", "durable_queue.rabbitmq.queue"}
PROVIDERS = {"aiosmtplib", "apprise", "cryptography.x509", "flufl", "h2", "jwt", "requests"}
NEVER = {*COMMAND_LINE, *PROVIDERS, "pydantic.v1", "pygments", "yaml"}
SQLITE = "sqlite+aiosqlite:////nowhere/kept.db"
NOT_FOR_SQLITE = {
    *SQL - {"sqlalchemy"},
    "greenlet",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
}


@pytest.mark.parametrize(
    ("package", "settings", "given", "without"),
    [
        (
            "gateway",
            "GatewaySettings",
            {},
            {*SQL, *RABBITMQ, "redis", "phonenumbers", "email_validator"},
        ),
        (
            "gateway",
            "GatewaySettings",
            {"gateway_database_url": SQLITE},
            {*NOT_FOR_SQLITE, *RABBITMQ},
        ),
        (
            "notification_publisher",
            "PublisherSettings",
            {},
            {*SQL, *RABBITMQ, "aiohttp", "greenlet", "email_validator"},
        ),
        ("notification_dispatcher", "settings_class", {}, {*SQL, *RABBITMQ, "greenlet"}),
        ("user_service", "UserServiceSettings", {}, {*SQL, *RABBITMQ, "redis", "aiohttp"}),
        (
            "user_service",
            "UserServiceSettings",
            {"users_database_url": SQLITE},
            {*NOT_FOR_SQLITE, *RABBITMQ, "redis", "aiohttp"},
        ),
    ],
)
def test_a_service_loads_nothing_that_it_does_not_use(package, settings, given, without):
    built = [sys.executable, "-c", BUILT, package, settings, json.dumps(given)]
    loaded = set(json.loads(subprocess.run(built, check=True, capture_output=True).stdout))

    assert f"{package}.main" in loaded
    assert loaded & (NEVER | without) == set()


def test_garbage_is_looked_for_when_a_service_is_ready():
    code = """
import gc
from service_kit.launch import load

settle = load("service_kit.http.server").settle_memory
print(gc.isenabled(), gc.get_freeze_count())
settle()
print(gc.isenabled(), gc.get_freeze_count() > 1000, gc.get_threshold()[0])
gc.set_threshold(50_000)
settle()
print(gc.get_threshold()[0])
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert said.stdout.split() == ["False", "0", "True", "True", "10000", "50000"]


def test_the_command_that_runs_the_services_loads_no_client():
    code = "import sys, asyncnotify.main, asyncnotify.local.up; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert {*said.stdout.split()} & {"httpx", "redis", "rich", "fastapi", "structlog"} == set()


def test_a_list_of_the_commands_loads_no_server():
    shown = [sys.executable, "-X", "importtime", "-m", "asyncnotify.main", "--help"]
    told = subprocess.run(shown, check=True, capture_output=True, text=True)

    assert all(name in told.stdout for name in ("up", "send", "lab", "prove"))
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded & {"aiohttp", "fastapi", "redis", "uvicorn"} == set()
