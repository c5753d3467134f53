"""An id is one segment of the path, whatever it holds, and never reaches another route."""

from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_kit.http.paths import path_segment
from user_service.infrastructure.memory import InMemoryUsers

NO_CONTROL_CHARACTERS = st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\x7f")
TRICKY = [
    "a/b",
    "a/contact-info",
    "ada/../bob",
    "..",
    ".",
    "../health/live",
    "?",
    "a?b=c",
    "#",
    "%2f",
    "%2F",
    "%252F",
    "%",
    "100%",
    "a b",
    "+",
    "ä",
    "lookup",
    "//",
    "\\",
    ";",
]


@pytest.mark.parametrize("user_id", TRICKY)
async def test_a_tricky_id_is_stored_found_and_removed(
    client: httpx.AsyncClient, user_id: str
) -> None:
    path = f"/users/{path_segment(user_id)}"

    stored = await client.put(path, json={"push": "t", "user_id": user_id})
    contact = await client.get(f"{path}/contact-info")
    removed = await client.delete(path)

    assert (stored.status_code, stored.json()["user_id"]) == (201, user_id)
    assert (contact.status_code, contact.json()["push"]) == (200, "t")
    assert removed.status_code == 204


async def test_an_encoded_slash_does_not_reach_the_contact_of_another(
    client: httpx.AsyncClient,
) -> None:
    await client.put("/users/ada", json={"push": "t"})

    answer = await client.get("/users/ada%2Fcontact-info")

    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


async def test_ids_that_differ_in_their_encoding_only_are_different_users(
    client: httpx.AsyncClient,
) -> None:
    await client.put(f"/users/{quote('a/b', safe='')}", json={"push": "slash"})
    await client.put(f"/users/{quote('a%2Fb', safe='')}", json={"push": "percent"})

    page = (await client.get("/users")).json()

    assert {user["user_id"]: user["push"] for user in page["items"]} == {
        "a/b": "slash",
        "a%2Fb": "percent",
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(user_id=st.text(NO_CONTROL_CHARACTERS, min_size=1, max_size=128))
async def test_any_id_comes_back_as_it_was_given(
    client: httpx.AsyncClient, users: InMemoryUsers, user_id: str
) -> None:
    users._users.clear()

    await client.put(f"/users/{path_segment(user_id)}", json={})

    assert list(users._users) == [user_id]
