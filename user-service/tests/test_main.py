import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from asyncnotify.local.ports import free_port
from notification_contracts.channels import CHANNELS, AddressKind, Channel
from testkit.http import asgi_client
from user_service.infrastructure.seed import SEED_USERS
from user_service.main import build
from user_service.settings import UserServiceSettings


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("user_id", ["user_test", "testuser", "123"])
async def test_the_first_users_are_known_from_the_start(
    sqlite_url: str, store: str, user_id: str
) -> None:
    url = {"memory": "memory://", "sqlite": sqlite_url}[store]

    async with asgi_client(build(UserServiceSettings(users_database_url=url))) as client:
        contact = (await client.get(f"/users/{user_id}/contact-info")).json()

    assert contact["preferred_channel"] == "email"
    assert all(contact[channel] for channel in CHANNELS)


async def test_the_first_users_can_be_stored_again_as_they_are() -> None:
    async with asgi_client(build(UserServiceSettings())) as client:
        for user in SEED_USERS:
            given = (await client.get(f"/users/{user.id}")).json()
            answer = await client.put(f"/users/{user.id}", json=given)

            assert (answer.status_code, answer.json()) == (200, given)


async def test_a_registered_channel_has_its_field_and_needs_no_migration(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHANNELS, "fax", Channel(name="fax", address_kind=AddressKind.PHONE))
    settings = UserServiceSettings(users_database_url=sqlite_url)

    async with asgi_client(build(settings)) as client:
        await client.put("/users/ada", json={"fax": "+49 30 123456", "preferred_channel": "fax"})
        contact = (await client.get("/users/ada/contact-info")).json()

    assert (contact["fax"], contact["preferred_channel"]) == ("+4930123456", "fax")


async def test_a_default_region_completes_numbers() -> None:
    app = build(UserServiceSettings(users_default_region="DE"))

    async with asgi_client(app) as client:
        answer = await client.put("/users/ada", json={"sms": "030 123456"})

    assert answer.json()["sms"] == "+4930123456"


async def test_the_document_of_the_api_can_be_made() -> None:
    async with asgi_client(build(UserServiceSettings())) as client:
        document = (await client.get("/openapi.json")).json()

    assert set(document["paths"]) >= {
        "/users",
        "/users/{user_id}",
        "/users/{user_id}/contact-info",
        "/contact-info/lookup",
    }


@pytest.fixture
def run_service(sqlite_url: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def run(**variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "user_service"],
            env={**os.environ, "USERS_DATABASE_URL": sqlite_url, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def test_the_program_serves_until_it_is_told_to_stop(
    run_service: Callable[..., subprocess.Popen[str]],
) -> None:
    port = free_port()
    process = run_service(USER_SERVICE_PORT=str(port))
    url = f"http://127.0.0.1:{port}/users/user_test/contact-info"
    deadline = time.monotonic() + 60
    status = None

    while status is None and time.monotonic() < deadline:
        try:
            status = httpx.get(url).status_code
        except httpx.TransportError:
            time.sleep(0.05)
    process.terminate()

    assert status == 200
    assert process.wait(timeout=60) == 0


def test_the_program_names_every_bad_variable_and_no_value(
    run_service: Callable[..., subprocess.Popen[str]],
) -> None:
    process = run_service(USERS_DATABASE_URL="mysql://secret", USERS_DEFAULT_REGION="Mars")

    _, complaints = process.communicate()

    assert process.returncode == 2, complaints
    assert "USERS_DATABASE_URL" in complaints
    assert "USERS_DEFAULT_REGION" in complaints
    assert "secret" not in complaints
