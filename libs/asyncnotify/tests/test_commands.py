import json

import pytest
from asyncnotify.commands import console, sending

RECORD = {"trace_id": "t-1", "status": "sent", "reason": None, "user_id": "ada", "channel": "sms"}
USER = {
    "user_id": "ada",
    "email": "a@example.com",
    "preferred_channel": "email",
    "addresses": {"email": [{"address": "a@example.com", "label": "work", "health": "good"}]},
}


@pytest.fixture
def at_a_terminal(monkeypatch):
    monkeypatch.setattr(console, "is_terminal", lambda: True)


def lines_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_a_list_is_a_line_of_json_for_each_and_its_filters_are_the_apis(invoke, api):
    api.answers["GET /notifications"] = (200, {"items": [RECORD, RECORD], "next_cursor": None})

    done = await invoke("list", "--user", "ada", "--status", "sent", "--since", "x", "--limit", 5)

    assert lines_of(done) == [RECORD, RECORD]
    assert set(api.asked[0].partition("?")[2].split("&")) == {
        "user_id=ada",
        "status=sent",
        "since=x",
        "limit=5",
    }


async def test_for_people_a_list_is_a_table(invoke, api, at_a_terminal):
    api.answers["GET /notifications"] = (200, {"items": [RECORD], "next_cursor": None})

    head, row = (await invoke("list")).stdout.splitlines()

    assert head.split()[:3] == ["trace", "id", "status"]
    assert row.split() == ["t-1", "sent", "ada", "sms"]


@pytest.mark.parametrize(
    ("status", "reason", "code", "said"),
    [
        ("sent", None, 0, "t-1 sent"),
        ("delivered", None, 0, "t-1 delivered"),
        ("failed", "unknown_user", 1, "t-1 failed (unknown_user)"),
        ("cancelled", None, 1, "t-1 cancelled"),
        ("expired", None, 1, "t-1 expired"),
    ],
)
async def test_who_waits_is_told_how_it_ended(invoke, api, status, reason, code, said):
    accepted = {"trace_id": "t-1", "status": "queued", "status_url": "/"}
    api.answers["POST /notifications"] = (202, accepted)
    ended = {**RECORD, "status": status, "reason": reason, "timeline": []}
    api.answers["GET /notifications/t-1"] = (200, ended)

    done = await invoke("send", "ada", "hi", "--wait")

    assert (done.exit_code, done.stdout.strip()) == (code, said)


@pytest.mark.parametrize("wait", [["--wait"], ["--wait", "30"], ["--wait=30"]])
async def test_seconds_to_wait_may_be_left_out_wherever_the_option_stands(invoke, api, wait):
    accepted = {"trace_id": "t-1", "status": "queued", "status_url": "/"}
    api.answers["POST /notifications"] = (202, accepted)
    api.answers["GET /notifications/t-1"] = (200, {**RECORD, "timeline": []})

    done = await invoke("--json", "send", *wait, "ada", "hi")

    assert (done.exit_code, lines_of(done)[0]["status"]) == (0, "sent")
    assert api.bodies["POST /notifications"] == [{"user_id": "ada", "message": "hi"}]


async def test_who_waits_in_vain_is_told_where_it_is(invoke, api, monkeypatch):
    monkeypatch.setattr(sending.SendCommand, "defaults", {"--wait": 2.0})
    accepted = {"trace_id": "t-1", "status": "queued", "status_url": "/"}
    api.answers["POST /notifications"] = (202, accepted)
    api.answers["GET /notifications/t-1"] = (200, {**RECORD, "status": "queued", "timeline": []})

    done = await invoke("send", "ada", "hi", "--wait")

    assert done.exit_code == 5
    assert "t-1 is queued after 2 s" in done.stderr


async def test_who_may_not_look_is_told_at_least_what_was_accepted(invoke, api):
    accepted = {"trace_id": "t-1", "status": "queued", "status_url": "/"}
    api.answers["POST /notifications"] = (202, accepted)
    api.answers["GET /notifications/t-1"] = (403, {"code": "missing_scope", "detail": "no"})

    done = await invoke("send", "ada", "hi", "--wait")

    assert done.exit_code == 4
    assert done.stderr.startswith("t-1: accepted")
    assert "t-1 is accepted; to wait for its end takes a key with the scope `read`" in done.stderr


async def test_watch_says_at_once_what_it_watches_and_where(invoke, api):
    api.answers["GET /events"] = (401, {"code": "unauthenticated", "detail": "no key"})

    done = await invoke("watch", "--channel", "sms", "--status", "failed")

    assert done.exit_code == 4
    first = done.stderr.splitlines()[0]
    assert first.startswith("watching all notifications, status failed, channel sms at http://127")


async def test_a_user_is_stored_with_several_addresses(invoke, api):
    api.answers["PUT /users/ada"] = (200, USER)
    addresses = ["email=a@example.com", "push=t1", "push=t=2"]

    done = await invoke("users", "put", "ada", *addresses, "--preferred-channel", "email")

    assert lines_of(done) == [USER]
    assert api.bodies["PUT /users/ada"] == [
        {"email": ["a@example.com"], "push": ["t1", "t=2"], "preferred_channel": "email"}
    ]


@pytest.mark.parametrize("address", ["nope", "=a", "email="])
async def test_what_is_no_address_is_refused_before_anything_is_sent(invoke, api, address):
    done = await invoke("users", "put", "ada", address)

    assert (done.exit_code, api.asked) == (2, [])


async def test_for_people_a_users_addresses_are_a_table(invoke, api, at_a_terminal):
    api.answers["GET /users/ada"] = (200, USER)

    first, _, row = (await invoke("users", "get", "ada")).stdout.splitlines()

    assert first == "ada  prefers email"
    assert row.split() == ["email", "a@example.com", "work", "good"]


async def test_users_are_listed_with_the_channels_that_any_of_them_has(invoke, api, at_a_terminal):
    api.answers["GET /users"] = (200, {"items": [USER], "next_cursor": None})

    head, row = (await invoke("users", "list")).stdout.splitlines()

    assert head.split() == ["user", "email", "prefers"]
    assert row.split() == ["ada", "a@example.com", "email"]


async def test_users_and_suppressions_are_deleted(invoke, api):
    api.answers["DELETE /users/ada"] = api.answers["DELETE /suppressions/sms/+49151"] = (204, None)

    first = await invoke("users", "delete", "ada")
    second = await invoke("suppressions", "delete", "sms", "+49151", "--json")

    assert first.stdout == "ada is forgotten\n"
    assert lines_of(second) == [{"deleted": {"channel": "sms", "address": "+49151"}}]


async def test_suppressions_are_listed(invoke, api, at_a_terminal):
    held = {"channel": "sms", "address": "+49151", "reason": "opt_out", "since": "2027-01-31"}
    api.answers["GET /suppressions"] = (200, {"items": [held], "next_cursor": None})

    _, row = (await invoke("suppressions", "list", "--reason", "opt_out")).stdout.splitlines()

    assert row.split() == ["sms", "+49151", "opt_out", "2027-01-31"]
    assert "reason=opt_out" in api.asked[0]


@pytest.mark.parametrize(
    ("name", "paused_at", "words"),
    [
        ("pause", "2027-01-31T09:00:00Z", "sms is paused since 2027-01-31T09:00:00Z"),
        ("resume", None, "sms is not paused"),
    ],
)
async def test_a_channel_is_paused_and_resumed(invoke, api, at_a_terminal, name, paused_at, words):
    state = {"channel": "sms", "is_paused": paused_at is not None, "paused_at": paused_at}
    api.answers[f"POST /channels/sms/{name}"] = (200, state)

    done = await invoke("channels", name, "sms")

    assert (done.exit_code, done.stdout.strip()) == (0, words)


async def test_providers_are_shown_in_their_order(invoke, api, at_a_terminal):
    def provider(name, **more):
        return {"name": name, "scheme": "smtp", "breaker": "closed", "reason": None} | more

    channel = {"channel": "email", "providers": [provider("smtp"), provider("b", breaker="open")]}
    answer = {"channels": [channel], "delivery": "capture", "pauses_are_shared": True}
    api.answers["GET /providers"] = (200, answer)

    mode, _, first, second = (await invoke("providers")).stdout.splitlines()

    assert mode == "DELIVERY is capture"
    assert [first.split(), second.split()] == [
        ["email", "smtp", "smtp", "closed"],
        ["email", "b", "smtp", "open"],
    ]
