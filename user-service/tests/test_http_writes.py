import json
from collections.abc import Callable

import httpx
import pytest
from notification_contracts.channels import CHANNELS
from user_service.domain.user import UserId
from user_service.infrastructure.memory import InMemoryUsers
from user_service.interface.contact_reading import CONTACT_MAX_BYTES

Errors = Callable[[httpx.Response], list[tuple[str, str]]]


def without_lists(answer: httpx.Response) -> dict[str, object]:
    return {name: value for name, value in answer.json().items() if name != "addresses"}


@pytest.fixture
def errors_of() -> Errors:
    """Return the pointer and code of each error of a refusal."""

    def errors(answer: httpx.Response) -> list[tuple[str, str]]:
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "invalid_request"
        return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]

    return errors


async def test_a_new_user_is_created_with_normalised_addresses(client: httpx.AsyncClient) -> None:
    contact = {"email": "Ada@B.EXAMPLE", "sms": "+1 (415) 555-2671", "push": "t"}

    answer = await client.put("/users/ada", json={**contact, "preferred_channel": "sms"})

    stored = {"email": "Ada@b.example", "sms": "+14155552671", "push": "t"}
    assert answer.status_code == 201
    assert without_lists(answer) == {
        "user_id": "ada",
        **dict.fromkeys(CHANNELS),
        **stored,
        "preferred_channel": "sms",
    }


async def test_a_known_user_is_replaced_whole(client: httpx.AsyncClient) -> None:
    await client.put("/users/ada", json={"email": "ada@b.example", "push": "t"})

    answer = await client.put("/users/ada", json={"push": "new"})

    assert answer.status_code == 200
    assert without_lists(await client.get("/users/ada/contact-info")) == {
        **dict.fromkeys(CHANNELS),
        "push": "new",
        "preferred_channel": "push",
    }


async def test_what_was_given_can_be_sent_back(client: httpx.AsyncClient) -> None:
    given = (await client.put("/users/ada", json={"push": "t"})).json()

    answer = await client.put("/users/ada", json=given)

    assert (answer.status_code, answer.json()) == (200, given)


async def test_a_user_may_have_no_address_yet(client: httpx.AsyncClient) -> None:
    answer = await client.put("/users/ada", json={})

    assert answer.status_code == 201
    assert answer.json()["preferred_channel"] is None


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", ""])
async def test_a_body_is_json_whatever_its_content_type(
    client: httpx.AsyncClient, content_type: str
) -> None:
    answer = await client.put(
        "/users/ada", content=b'{"push": "t"}', headers={"Content-Type": content_type}
    )

    assert answer.status_code == 201


async def test_every_bad_field_is_told_at_once(
    client: httpx.AsyncClient, errors_of: Errors
) -> None:
    body = {
        "email": "nope",
        "sms": 5,
        "push": "a b",
        "preferred_channel": "pigeon",
        "fax": "1",
        "user_id": "eve",
    }

    answer = await client.put("/users/ada", json=body)

    assert sorted(errors_of(answer)) == [
        ("/email", "invalid_address"),
        ("/fax", "unknown_field"),
        ("/preferred_channel", "invalid_value"),
        ("/push", "invalid_address"),
        ("/sms", "wrong_type"),
        ("/user_id", "mismatch"),
    ]


async def test_an_invalid_address_is_not_repeated(client: httpx.AsyncClient) -> None:
    answer = await client.put("/users/ada", json={"email": "secret(at)b.example", "sms": "0815"})

    assert "secret" not in answer.text
    assert "0815" not in answer.text


async def test_nothing_is_stored_of_a_contact_that_is_refused(
    client: httpx.AsyncClient, users: InMemoryUsers
) -> None:
    await client.put("/users/ada", json={"email": "nope", "push": "t"})

    assert await users.get(UserId("ada")) is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"email": ""}, ("/email", "invalid_address")),
        ({"sms": "4155552671"}, ("/sms", "invalid_address")),
        ({"push": ""}, ("/push", "invalid_address")),
        ({"push": "x" * 4097}, ("/push", "too_long")),
        ({"push": "\x00"}, ("/push", "invalid_address")),
        ({"preferred_channel": "email"}, ("/preferred_channel", "no_address")),
        ({"push": "t", "preferred_channel": "sms"}, ("/preferred_channel", "no_address")),
        ({"push": "t", "preferred_channel": ""}, ("/preferred_channel", "invalid_value")),
        ({"push": "t", "preferred_channel": 1}, ("/preferred_channel", "wrong_type")),
        ({"user_id": "Ada"}, ("/user_id", "mismatch")),
        ({"user_id": ""}, ("/user_id", "mismatch")),
        ({"user_id": 5}, ("/user_id", "wrong_type")),
        ({"a/b~c": 1}, ("/a~1b~0c", "unknown_field")),
        ([], ("", "wrong_type")),
        (None, ("", "wrong_type")),
        ("text", ("", "wrong_type")),
    ],
)
async def test_a_bad_field_is_pointed_at(
    client: httpx.AsyncClient, errors_of: Errors, body: object, error: tuple[str, str]
) -> None:
    assert errors_of(await client.put("/users/ada", content=json.dumps(body))) == [error]


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"{'push': 't'}", b"\xff", b'{"push": "\\ud800"}', b"{} {}"]
)
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.put("/users/ada", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_a_body_above_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    padding = " " * (CONTACT_MAX_BYTES - len('{"push": "t"}'))

    fits = await client.put("/users/ada", content=json.dumps({"push": "t"}) + padding)
    too_large = await client.put("/users/ada", content=json.dumps({"push": "t"}) + padding + " ")

    assert (fits.status_code, too_large.status_code) == (201, 413)
    assert too_large.json()["code"] == "body_too_large"


@pytest.mark.parametrize("user_id", ["x" * 129, "%00", "a%0Ab", "%1F"])
async def test_an_impossible_id_is_refused(
    client: httpx.AsyncClient, errors_of: Errors, user_id: str
) -> None:
    [(pointer, _)] = errors_of(await client.put(f"/users/{user_id}", json={"push": "t"}))

    assert pointer == "/user_id"


async def test_an_id_of_128_characters_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"/users/{'%C3%A9' * 128}", json={})

    assert (answer.status_code, answer.json()["user_id"]) == (201, "é" * 128)


async def test_a_removed_user_is_gone(client: httpx.AsyncClient) -> None:
    await client.put("/users/ada", json={"push": "t"})

    removed = await client.delete("/users/ada")

    assert (removed.status_code, removed.content) == (204, b"")
    assert (await client.get("/users/ada")).status_code == 404


@pytest.mark.parametrize("user_id", ["ada", "%00"])
async def test_removing_an_unknown_user_is_not_found(
    client: httpx.AsyncClient, user_id: str
) -> None:
    answer = await client.delete(f"/users/{user_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


@pytest.mark.parametrize(("user_id", "segment"), [("ada", "ada"), ("a/b ü", "a%2Fb%20%C3%BC")])
async def test_a_new_user_is_said_to_be_found_where_it_is(
    client: httpx.AsyncClient, user_id: str, segment: str
) -> None:
    new = await client.put(f"/users/{segment}", json={"email": "a@example.com"})
    again = await client.put(f"/users/{segment}", json={"email": "a@example.com"})

    assert (new.status_code, new.headers["Location"]) == (201, f"/users/{segment}")
    assert (await client.get(new.headers["Location"])).json()["user_id"] == user_id
    assert (again.status_code, "Location" in again.headers) == (200, False)


async def test_the_largest_contact_that_the_fields_allow_fits() -> None:
    assert (
        12 * sum(each.address_kind.max_chars for each in CHANNELS.values()) + 4096
        < CONTACT_MAX_BYTES
    )
