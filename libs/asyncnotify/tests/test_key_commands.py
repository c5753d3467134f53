import json
from datetime import UTC, datetime, timedelta

import pytest
from asyncnotify.commands import console

KEY = {"prefix": "p1", "name": "shop", "kind": "live", "scopes": ["send"], "is_active": True}
NEW = {**KEY, "key": "an_live_p1_secret"}
HOOK = {"id": "wh_1", "url": "https://a.example", "is_enabled": True, "waiting": 2}


async def test_a_new_key_is_printed_alone_and_once(invoke, api):
    api.answers["POST /keys"] = (201, NEW)

    done = await invoke("keys", "create", "shop", "--scope", "send", "--scope", "read")

    assert (done.exit_code, done.stdout) == (0, "an_live_p1_secret\n")
    assert "not shown again" in done.stderr
    assert api.bodies["POST /keys"] == [
        {"name": "shop", "scopes": ["send", "read"], "kind": "live"}
    ]


async def test_a_key_may_be_a_trial_for_some_days_on_one_channel(invoke, api):
    api.answers["POST /keys"] = (201, NEW)
    options = ["--scope", "send", "--kind", "test", "--channel", "sms", "--expires", "30d"]

    done = await invoke("keys", "create", "shop", *options, "--json")

    assert json.loads(done.stdout) == NEW
    [body] = api.bodies["POST /keys"]
    assert (body["kind"], body["channels"]) == ("test", ["sms"])
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)


async def test_a_key_gets_the_limits_that_are_said(invoke, api):
    api.answers["POST /keys"] = (201, NEW)
    limits = ["--requests-per-second", 5, "--notifications-per-day", 1000]

    await invoke("keys", "create", "shop", "--scope", "send", *limits)

    [body] = api.bodies["POST /keys"]
    assert body["limits"] == {"requests_per_second": 5, "notifications_per_day": 1000}


async def test_what_is_no_span_is_for_the_api_to_judge(invoke, api):
    api.answers["POST /keys"] = (201, NEW)

    await invoke("keys", "create", "shop", "--scope", "send", "--expires", "2027-01-31T09:00:00Z")

    assert api.bodies["POST /keys"][0]["expires_at"] == "2027-01-31T09:00:00Z"


async def test_a_key_is_rotated_and_revoked(invoke, api):
    api.answers["POST /keys/p1/rotate"] = (201, NEW)
    api.answers["DELETE /keys/p1"] = (200, KEY)

    rotated = await invoke("keys", "rotate", "p1", "--grace", 60)
    revoked = await invoke("keys", "revoke", "p1")

    assert rotated.stdout == "an_live_p1_secret\n"
    assert api.bodies["POST /keys/p1/rotate"] == [{"grace_seconds": 60}]
    assert revoked.stdout == "shop (p1) is revoked\n"


@pytest.mark.parametrize(
    ("command", "path", "item", "row"),
    [
        (["keys", "list"], "/keys", KEY, ["p1", "shop", "live", "send", "yes"]),
        (
            ["audit"],
            "/audit",
            {"at": "2027", "actor": {"name": "Ada", "prefix": "p"}, "action": "replay"},
            ["2027", "Ada", "replay"],
        ),
        (
            ["webhooks", "list"],
            "/webhooks",
            HOOK,
            ["wh_1", "https://a.example", "yes", "2"],
        ),
        (
            ["webhooks", "attempts", "wh_1"],
            "/webhooks/wh_1/attempts",
            {"id": "a_1", "at": "2027", "type": "t", "number": 1, "outcome": "failed"},
            ["a_1", "2027", "t", "1", "failed"],
        ),
    ],
)
async def test_lists_are_tables_for_people(invoke, api, monkeypatch, command, path, item, row):
    api.answers[f"GET {path}"] = (200, {"items": [item], "next_cursor": None})
    as_json = await invoke(*command)
    monkeypatch.setattr(console, "is_terminal", lambda: True)

    shown = await invoke(*command)

    assert json.loads(as_json.stdout) == item
    assert shown.stdout.splitlines()[1].split() == row


async def test_a_webhooks_secret_is_printed_alone_and_once(invoke, api):
    api.answers["POST /webhooks"] = (201, {**HOOK, "secret": "whsec_x", "warning": "too near"})
    filters = ["--status", "failed", "--status", "expired", "--channel", "sms"]

    done = await invoke("webhooks", "create", HOOK["url"], *filters)

    assert (done.exit_code, done.stdout) == (0, "whsec_x\n")
    assert "warning: too near" in done.stderr
    wanted = {"url": HOOK["url"], "statuses": ["failed", "expired"], "channels": ["sms"]}
    assert api.bodies["POST /webhooks"] == [wanted]


async def test_a_webhook_is_tried_and_told_again_and_forgotten(invoke, api):
    queued = {"webhook_id": "msg_1"}
    api.answers["POST /webhooks/wh_1/test"] = (202, queued)
    api.answers["POST /webhooks/wh_1/attempts/a_1/resend"] = (202, queued)
    api.answers["DELETE /webhooks/wh_1"] = (204, None)

    done = [
        await invoke("webhooks", *words)
        for words in (["test", "wh_1"], ["resend", "wh_1", "a_1"], ["delete", "wh_1"])
    ]

    assert [each.stdout for each in done] == [
        "event msg_1 is on its way\n",
        "event msg_1 is on its way\n",
        "wh_1 is forgotten\n",
    ]
