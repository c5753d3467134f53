"""Several addresses on a channel: what is given, shown, refused, and given back."""

from typing import Any

import httpx
import pytest
from notification_contracts.http import ADDRESSES_PER_CHANNEL
from user_service.interface.contact_body import LABEL_MAX_CHARS

PHONE = {"address": "token-1", "label": "phone"}


def shown(answer: httpx.Response, channel: str) -> list[tuple[str, str | None]]:
    assert answer.is_success, answer.text
    return [(each["address"], each["label"]) for each in answer.json()["addresses"][channel]]


async def test_a_channel_takes_a_text_a_list_of_texts_or_of_addresses_with_labels(
    client: httpx.AsyncClient,
) -> None:
    body = {
        "email": "Ada@B.EXAMPLE",
        "sms": ["+1 415 555 2671", "+4915112345678"],
        "push": [PHONE, "token-2", {"address": "token-3"}],
    }

    answer = await client.put("/users/ada", json=body)

    assert shown(answer, "email") == [("Ada@b.example", None)]
    assert shown(answer, "sms") == [("+14155552671", None), ("+4915112345678", None)]
    assert shown(answer, "push") == [("token-1", "phone"), ("token-2", None), ("token-3", None)]
    assert shown(answer, "chat") == []


async def test_a_channels_own_field_has_one_address(client: httpx.AsyncClient) -> None:
    await client.put("/users/ada", json={"push": [PHONE, "token-2"], "chat": []})

    contact = (await client.get("/users/ada/contact-info")).json()

    assert (contact["push"], contact["chat"], contact["preferred_channel"]) == (
        "token-1",
        None,
        "push",
    )


async def test_all_answers_about_a_user_have_the_lists(client: httpx.AsyncClient) -> None:
    stored = (await client.put("/users/ada", json={"push": [PHONE, "token-2"]})).json()
    lists = stored["addresses"]

    user = (await client.get("/users/ada")).json()
    contact = (await client.get("/users/ada/contact-info")).json()
    many = (await client.post("/contact-info/lookup", json={"user_ids": ["ada"]})).json()
    [listed] = (await client.get("/users")).json()["items"]

    assert len(lists["push"]) == 2
    assert lists == user["addresses"] == contact["addresses"] == listed["addresses"]
    assert many == {"contacts": {"ada": contact}}


async def test_an_address_that_stays_keeps_its_age(client: httpx.AsyncClient) -> None:
    before = (await client.put("/users/ada", json={"push": ["old"]})).json()["addresses"]["push"]

    after = (await client.put("/users/ada", json={"push": ["new", "old"]})).json()["addresses"]

    assert after["push"][1] == before[0]
    assert after["push"][0]["added_at"] > before[0]["added_at"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, ["token-1", "token-2"], id="unchanged"),
        pytest.param({"push": "token-2"}, ["token-1", "token-2"], id="one of them"),
        pytest.param({"push": "token-9"}, ["token-9"], id="another one"),
        pytest.param({"push": None}, [], id="none"),
        pytest.param({"push": ["token-3"]}, ["token-3"], id="a list of its own"),
        pytest.param({"addresses": None}, ["token-1"], id="without lists"),
    ],
)
async def test_what_was_given_out_can_be_given_back_and_changed(
    client: httpx.AsyncClient, change: dict[str, Any], expected: list[str]
) -> None:
    body = {"email": "ada@b.example", "push": [PHONE, "token-2"]}
    given_out = (await client.put("/users/ada", json=body)).json()

    answer = await client.put("/users/ada", json={**given_out, **change})

    assert [address for address, _ in shown(answer, "push")] == expected
    assert change or answer.json() == given_out


async def test_lists_alone_are_enough(client: httpx.AsyncClient) -> None:
    answer = await client.put("/users/ada", json={"addresses": {"push": [PHONE], "sms": None}})

    assert shown(answer, "push") == [("token-1", "phone")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"email": ["a@b.example", "nope"]}, [("/email/1", "invalid_address")]),
        ({"email": [{"address": "nope"}]}, [("/email/0/address", "invalid_address")]),
        (
            {"email": ["a@b.example", {"address": "a@B.example"}]},
            [("/email/1/address", "duplicate")],
        ),
        ({"push": [{"label": "phone"}]}, [("/push/0/address", "missing")]),
        ({"push": [{"address": None}]}, [("/push/0/address", "wrong_type")]),
        ({"push": ["t", 5]}, [("/push/1", "wrong_type")]),
        ({"push": [["t"]]}, [("/push/0", "wrong_type")]),
        ({"push": {"address": "t"}}, [("/push", "wrong_type")]),
        ({"push": [{"address": "t", "name": "x"}]}, [("/push/0/name", "unknown_field")]),
        (
            {"push": [{"address": "t", "label": "x" * (LABEL_MAX_CHARS + 1)}]},
            [("/push/0/label", "too_long")],
        ),
        ({"push": [{"address": "t", "label": "a\n"}]}, [("/push/0/label", "invalid_value")]),
        (
            {"push": [f"t{number}" for number in range(ADDRESSES_PER_CHANNEL + 1)]},
            [("/push", "too_long")],
        ),
        ({"push": ["x" * 4097]}, [("/push/0", "too_long")]),
        ({"addresses": {"push": ["a b"]}}, [("/addresses/push/0", "invalid_address")]),
        ({"addresses": {"fax": []}}, [("/addresses/fax", "unknown_field")]),
        ({"addresses": []}, [("/addresses", "wrong_type")]),
        ({"push": [], "preferred_channel": "push"}, [("/preferred_channel", "no_address")]),
    ],
)
async def test_what_is_wrong_in_a_list_is_pointed_at(
    client: httpx.AsyncClient, body: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    answer = await client.put("/users/ada", json=body)

    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == errors


async def test_the_most_that_is_allowed_is_taken(client: httpx.AsyncClient) -> None:
    tokens = [f"t{number}" for number in range(ADDRESSES_PER_CHANNEL)]

    answer = await client.put("/users/ada", json={"push": tokens})

    assert [address for address, _ in shown(answer, "push")] == tokens
