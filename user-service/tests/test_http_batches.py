from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from user_service.infrastructure.memory import InMemoryUsers

ADA = {"user_id": "ada", "email": "Ada@B.EXAMPLE"}
PutBatch = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def put_batch(client: httpx.AsyncClient) -> PutBatch:
    async def put(*users: object) -> list[dict[str, Any]]:
        answer = await client.post("/users/batch", json={"users": users})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    return put


async def test_each_is_stored_as_if_it_had_been_put_alone(
    client: httpx.AsyncClient, put_batch: PutBatch
) -> None:
    bob = {"user_id": "bob", "push": ["a", "b"], "preferred_channel": "push"}

    first = await put_batch(ADA, bob)
    again = await put_batch(bob, ADA)

    assert first == [{"status": 201, "user_id": "ada"}, {"status": 201, "user_id": "bob"}]
    assert again == [{"status": 200, "user_id": "bob"}, {"status": 200, "user_id": "ada"}]
    ada, kept = [(await client.get(f"/users/{each}")).json() for each in ("ada", "bob")]
    assert ada["email"] == "Ada@b.example"
    assert [each["address"] for each in kept["addresses"]["push"]] == ["a", "b"]


@pytest.mark.parametrize(
    "contact",
    [
        {"email": "nobody"},
        {"sms": 7, "colour": "red"},
        {"email": "nobody", "push": [1], "preferred_channel": "fax"},
        {"push": "t", "preferred_channel": "email"},
        {"user_id": "e" * 129},
        {"user_id": ""},
    ],
)
async def test_a_bad_one_is_refused_in_the_words_of_the_call_for_one(
    client: httpx.AsyncClient, put_batch: PutBatch, contact: dict[str, object]
) -> None:
    alone = (await client.put("/users/eve", json=contact)).json()

    refused, stored = await put_batch({"user_id": "eve"} | contact, ADA)

    assert (refused["status"], stored["status"]) == (422, 201)
    errors = refused["problem"]["errors"]
    if "user_id" not in contact:
        assert errors == alone["errors"]
    else:
        assert [each["pointer"] for each in errors] == ["/user_id"]
    assert (await client.get("/users/eve")).status_code == 404


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ({"email": "ada@b.example"}, ("/user_id", "missing")),
        ({"user_id": None}, ("/user_id", "missing")),
        ({"user_id": 5}, ("/user_id", "wrong_type")),
        (["ada"], ("", "wrong_type")),
        ("ada", ("", "wrong_type")),
    ],
)
async def test_what_names_no_user_is_refused(
    put_batch: PutBatch, item: object, error: tuple[str, str]
) -> None:
    refused, stored = await put_batch(item, ADA)

    assert (refused["status"], stored["status"]) == (422, 201)
    assert [(each["pointer"], each["code"]) for each in refused["problem"]["errors"]] == [error]


@pytest.mark.parametrize("users", [[], [ADA] * 501, ADA, None])
async def test_what_is_no_batch_is_refused_whole(client: httpx.AsyncClient, users: object) -> None:
    answer = await client.post("/users/batch", json={"users": users})

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/users"]


async def test_while_the_store_is_down_nothing_is_stored_and_the_whole_may_be_repeated(
    client: httpx.AsyncClient, users: InMemoryUsers, put_batch: PutBatch
) -> None:
    users.is_down = True
    refused = await client.post("/users/batch", json={"users": [ADA, {}]})
    users.is_down = False

    assert (refused.status_code, refused.json()["code"]) == (503, "users_unavailable")
    assert [item["status"] for item in await put_batch(ADA, {})] == [201, 422]
