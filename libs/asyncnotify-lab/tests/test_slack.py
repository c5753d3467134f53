"""https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

import json

import pytest

HOOK = "/services/T0/B0/secret"


@pytest.mark.parametrize("path", [HOOK, "/hooks/secret"])
async def test_a_message_arrives_in_the_room_of_its_token(lab, http, path):
    answer = await http.post(path, json={"text": "hello", "username": "shop"})

    [message] = await lab.arrived(wire="slack", to="secret")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (message.kind, message.text, message.sender) == ("chat", "hello", "shop")


async def test_it_may_name_another_room_and_come_as_a_form(lab, http):
    await http.post(HOOK, data={"payload": json.dumps({"text": "hello", "channel": "#ops"})})

    assert [message.to for message in lab.messages.find()] == ["#ops"]


async def test_the_text_may_stand_in_attachments(lab, http):
    await http.post(HOOK, json={"attachments": [{"text": "one"}, {"text": "two"}]})

    assert lab.messages.find()[0].text == "one\ntwo"


@pytest.mark.parametrize(
    ("body", "says"),
    [("nonsense", "invalid_payload"), ("{}", "no_text"), ("payload=nonsense", "invalid_payload")],
)
async def test_what_is_no_message_is_refused_in_slacks_words(lab, http, body, says):
    answer = await http.post(HOOK, content=body)

    assert (answer.status_code, answer.text) == (400, says)
    assert lab.messages.find() == []


async def test_it_throttles_with_a_time(lab, http):
    lab.fault(wire="slack", answer="throttled", retry_after=30, times=1)

    answer = await http.post(HOOK, json={"text": "hello"})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
