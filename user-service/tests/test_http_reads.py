from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from notification_contracts.channels import CHANNELS
from notification_contracts.http import contact_info_model, user_model, user_page_model
from user_service.domain.user import User, UserId
from user_service.infrastructure.memory import InMemoryUsers

GOOD = {
    "label": None,
    "added_at": "2026-01-01T00:00:00Z",
    "last_used_at": None,
    "health": "good",
    "suppression": None,
}
ADA: dict[str, Any] = {
    **dict.fromkeys(CHANNELS),
    "email": "ada@b.example",
    "push": "t",
    "preferred_channel": "push",
    "addresses": {
        **{channel: [] for channel in CHANNELS},
        "email": [{"address": "ada@b.example", **GOOD}],
        "push": [{"address": "t", **GOOD}],
    },
}
NOWHERE: dict[str, Any] = {**dict.fromkeys(ADA), "addresses": {channel: [] for channel in CHANNELS}}


on_both_roads = pytest.mark.parametrize("client", ["general", "hot"], indirect=True)


@pytest.fixture
def users() -> InMemoryUsers:
    return InMemoryUsers(
        [
            User.reached_at(
                UserId("ada"),
                {"push": "t", "email": "ada@b.example"},
                added_at=datetime(2026, 1, 1, tzinfo=UTC),
                preferred_channel="push",
            ),
            User(id=UserId("nowhere"), addresses={}, preferred_channel=None),
        ]
    )


async def test_a_contact_has_every_channel_and_the_preference(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/ada/contact-info")

    assert (answer.status_code, answer.json()) == (200, ADA)
    assert answer.headers["content-type"] == "application/json"


async def test_a_contact_without_addresses_is_all_null(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/nowhere/contact-info")

    assert answer.json() == NOWHERE


async def test_a_channel_that_is_not_registered_any_more_is_not_shown(
    client: httpx.AsyncClient, users: InMemoryUsers
) -> None:
    addresses = {"pigeon": "coop 5", "push": "t"}
    added_at = datetime(2026, 1, 1, tzinfo=UTC)
    user = User.reached_at(UserId("eve"), addresses, added_at=added_at, preferred_channel="pigeon")
    await users.put(user, at=datetime.now(UTC))

    answer = await client.get("/users/eve/contact-info")

    lists = {**NOWHERE["addresses"], "push": ADA["addresses"]["push"]}
    assert answer.json() == {**NOWHERE, "push": "t", "addresses": lists}


async def test_a_user_is_shown_with_their_id(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/ada")

    assert (answer.status_code, answer.json()) == (200, {"user_id": "ada", **ADA})


@pytest.mark.parametrize("path", ["/users/eve", "/users/eve/contact-info"])
async def test_an_unknown_user_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "user_not_found"


@pytest.mark.parametrize("user_id", ["x" * 129, "%00", "a%0Ab", "%7F"])
async def test_an_impossible_id_is_not_found(
    client: httpx.AsyncClient, users: InMemoryUsers, user_id: str
) -> None:
    users.is_down = True  # nor is the store asked for it

    answer = await client.get(f"/users/{user_id}/contact-info")

    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


async def test_an_id_that_is_no_unicode_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users/%FF/contact-info")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_path")


@on_both_roads
async def test_contacts_of_many_are_found_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.post("/contact-info/lookup", json={"user_ids": ["ada", "eve", "ada"]})

    assert (answer.status_code, answer.json()) == (200, {"contacts": {"ada": ADA, "eve": None}})


@on_both_roads
async def test_five_hundred_long_ids_fit_into_one_look_up(client: httpx.AsyncClient) -> None:
    user_ids = [f"{number:0>3}" + "\U0001f600" * 125 for number in range(500)]

    answer = await client.post("/contact-info/lookup", json={"user_ids": user_ids})

    assert answer.json()["contacts"] == dict.fromkeys(user_ids)


@on_both_roads
@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/user_ids"]),
        ({"user_ids": "ada"}, ["/user_ids"]),
        ({"user_ids": ["ada"] * 501}, ["/user_ids"]),
        ({"user_ids": ["", 5, "a\n"], "x": 1}, ["/user_ids/0", "/user_ids/1", "/user_ids/2", "/x"]),
        (["ada"], [""]),
    ],
)
async def test_a_bad_look_up_is_refused(
    client: httpx.AsyncClient, body: object, pointers: list[str]
) -> None:
    answer = await client.post("/contact-info/lookup", json=body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_users_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    first = (await client.get("/users", params={"limit": 1})).json()
    second = (await client.get("/users", params={"cursor": first["next_cursor"]})).json()

    assert first["items"] == [{"user_id": "ada", **ADA}]
    assert [user["user_id"] for user in second["items"]] == ["nowhere"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("user_id", ["ä/b", "\U0001f600?" * 30, "a"])
async def test_a_cursor_may_follow_any_id(
    client: httpx.AsyncClient, users: InMemoryUsers, user_id: str
) -> None:
    for name in (user_id, "\U0010ffff"):
        user = User(id=UserId(name), addresses={}, preferred_channel=None)
        await users.put(user, at=datetime.now(UTC))
    pages = {"next_cursor": ""}
    seen = []

    while pages["next_cursor"] is not None:
        params: Any = {"limit": 1, "cursor": pages["next_cursor"]}
        pages = (await client.get("/users", params=params)).json()
        seen += [user["user_id"] for user in pages["items"]]

    assert seen == sorted(["ada", "nowhere", user_id, "\U0010ffff"])


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "1.5", "9" * 30])
async def test_a_limit_out_of_range_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    answer = await client.get("/users", params={"limit": limit})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].endswith("/limit")


@pytest.mark.parametrize("cursor", ["%", "gA", "AAAA", "YWRh", "x" * 1023, "x" * 1025, "ä", "a"])
async def test_a_cursor_that_was_never_given_out_is_refused(
    client: httpx.AsyncClient, cursor: str
) -> None:
    answer = await client.get("/users", params={"cursor": cursor})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].endswith("/cursor")


async def test_bodies_are_those_of_the_public_contract(client: httpx.AsyncClient) -> None:
    contact = await client.get("/users/ada/contact-info")
    user = await client.get("/users/ada")
    page = await client.get("/users")

    contact_info_model().model_validate_json(contact.content)
    user_model().model_validate_json(user.content)
    user_page_model().model_validate_json(page.content)


async def test_an_unknown_parameter_does_not_list_everyone(client: httpx.AsyncClient) -> None:
    answer = await client.get("/users?userid=x")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/userid"
