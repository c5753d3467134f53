from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from testkit.http import asgi_client
from user_service.infrastructure.memory import InMemoryUsers
from user_service.main import build
from user_service.settings import UserServiceSettings

CALLS = [
    ("GET", "/users/ada/contact-info", None),
    ("GET", "/users/ada", None),
    ("GET", "/users", None),
    ("PUT", "/users/ada", {"push": "t"}),
    ("DELETE", "/users/ada", None),
    ("POST", "/contact-info/lookup", {"user_ids": ["ada"]}),
    ("GET", "/suppressions", None),
    ("DELETE", "/suppressions/sms/ada", None),
    ("POST", "/address-reports", {"reports": []}),
]


@pytest.mark.parametrize("client", ["general", "hot"], indirect=True)
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_an_outage_is_a_503_that_says_when_to_come_back(
    client: httpx.AsyncClient, users: InMemoryUsers, method: str, path: str, body: object
) -> None:
    users.is_down = True

    answer = await client.request(method, path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (503, "users_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


async def test_after_an_outage_all_is_well(client: httpx.AsyncClient, users: InMemoryUsers) -> None:
    users.is_down = True
    await client.put("/users/ada", json={})
    users.is_down = False

    assert (await client.put("/users/ada", json={})).status_code == 201


async def test_an_invalid_contact_is_told_even_in_an_outage(
    client: httpx.AsyncClient, users: InMemoryUsers
) -> None:
    users.is_down = True

    assert (await client.put("/users/ada", json={"email": "nope"})).status_code == 422


async def test_readiness_asks_the_store_and_liveness_does_not(
    client: httpx.AsyncClient, users: InMemoryUsers
) -> None:
    well = await client.get("/health/ready")
    users.is_down = True
    ill = await client.get("/health/ready")

    assert (well.status_code, ill.status_code) == (200, 503)
    assert (await client.get("/health/live")).status_code == 200


@pytest.fixture
async def client_of_blocked_file(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "users.db").mkdir()
    settings = UserServiceSettings(users_database_url=f"sqlite+aiosqlite:///{tmp_path}/users.db")
    async with asgi_client(build(settings)) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_a_database_that_cannot_be_opened_is_a_503(
    client_of_blocked_file: httpx.AsyncClient, method: str, path: str, body: object
) -> None:
    answer = await client_of_blocked_file.request(method, path, json=body)

    assert answer.status_code == 503
    assert "users.db" not in answer.text


async def test_a_service_that_started_without_its_database_finds_it_later(
    client_of_blocked_file: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "users.db").rmdir()

    assert (await client_of_blocked_file.get("/users/user_test/contact-info")).status_code == 200
    assert (await client_of_blocked_file.get("/health/ready")).status_code == 200
