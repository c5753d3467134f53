"""What a client may get wrong, each with its answer."""

import json
from datetime import timedelta

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.lanes import validation_lanes
from testkit.clock import FrozenClock

ASKED = {"user_id": "user_test", "message": "hello"}
LIMIT_BYTES = 1_572_864


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b'{"user_id": "user_test", "message": "hello"',
        b"\xff\xfe",
        b'{"user_id": "\xff", "message": "hello"}',
        rb'{"user_id": "user_test", "message": "\ud800"}',
        rb'{"user_id": "\udc00x", "message": "hello"}',
        b"user_id=user_test&message=hello",
        b"[" * 50_000,
    ],
    ids=[
        "empty",
        "blank",
        "brace",
        "cut off",
        "not UTF-8",
        "not UTF-8 inside",
        "lone high surrogate",
        "lone low surrogate",
        "a form",
        "too deep",
    ],
)
async def test_what_is_no_json_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/notifications", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ([], "", "wrong_type"),
        ([ASKED], "", "wrong_type"),
        (None, "", "wrong_type"),
        ("hello", "", "wrong_type"),
        ({"message": "hello"}, "/user_id", "missing"),
        ({"user_id": "user_test"}, "/message", "missing"),
        (ASKED | {"chanel": "sms"}, "/chanel", "unknown_field"),
        (ASKED | {"a/b~c": 1}, "/a~1b~0c", "unknown_field"),
        (ASKED | {"user_id": 123}, "/user_id", "wrong_type"),
        (ASKED | {"user_id": None}, "/user_id", "wrong_type"),
        (ASKED | {"user_id": ""}, "/user_id", "too_short"),
        (ASKED | {"user_id": "u" * 129}, "/user_id", "too_long"),
        (ASKED | {"user_id": "a\0b"}, "/user_id", "invalid_value"),
        (ASKED | {"user_id": "a\nb"}, "/user_id", "invalid_value"),
        (ASKED | {"message": ""}, "/message", "too_short"),
        (ASKED | {"message": "m" * 10_001}, "/message", "too_long"),
        (ASKED | {"message": "m" * 1601, "channel": "sms"}, "/message", "too_long"),
        (ASKED | {"message": "😀" * 800, "channel": "sms"}, "/message", "too_long"),
        (ASKED | {"message": "m" * 4001, "channel": "push"}, "/message", "too_long"),
        (ASKED | {"message": "a\0b"}, "/message", "invalid_value"),
        (ASKED | {"message": ["hello"]}, "/message", "wrong_type"),
        (ASKED | {"channel": "fax"}, "/channel", "invalid_value"),
        (ASKED | {"channel": ""}, "/channel", "invalid_value"),
        (ASKED | {"channel": 1}, "/channel", "wrong_type"),
        (ASKED | {"subject": "s" * 256}, "/subject", "too_long"),
        (ASKED | {"subject": "a\r\nBcc: b"}, "/subject", "invalid_value"),
        (ASKED | {"priority": "urgent"}, "/priority", "invalid_value"),
        (ASKED | {"send_at": "tomorrow"}, "/send_at", "invalid_value"),
        (ASKED | {"send_at": "2027-01-31T09:00:00"}, "/send_at", "invalid_value"),
        (ASKED | {"send_at": 1_800_000_000}, "/send_at", "wrong_type"),
        (ASKED | {"send_at": "2027-01-31T08:59:29Z"}, "/send_at", "in_the_past"),
        (ASKED | {"send_at": "2028-03-01T00:00:00Z"}, "/send_at", "too_far"),
        (ASKED | {"send_at": "0001-01-01T00:00:00+14:00"}, "/send_at", "invalid_value"),
        (ASKED | {"expires_at": "2027-01-31T09:00:00Z"}, "/expires_at", "in_the_past"),
        (ASKED | {"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at", "invalid_value"),
        (
            ASKED | {"send_at": "2027-02-01T00:00:00Z", "expires_at": "2027-02-01T00:00:00Z"},
            "/expires_at",
            "before_send_at",
        ),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
async def test_each_bad_field_is_named(
    client: httpx.AsyncClient, queue: InMemoryQueue, body: object, pointer: str, code: str
) -> None:
    answer = await client.post("/notifications", content=json.dumps(body))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    depths = await queue.depths(validation_lanes())
    assert all(depth.waiting + depth.delayed == 0 for depth in depths.values())


async def test_an_sms_that_is_too_long_is_told_its_segments(client: httpx.AsyncClient) -> None:
    body = ASKED | {"channel": "sms", "message": "😀" * 800}

    [error] = (await client.post("/notifications", json=body)).json()["errors"]

    assert error["message"] == "on sms at most 24 segments, this is 25 segments of UCS-2"


@pytest.mark.parametrize("letter", ["m", "€", "я", "語"])
async def test_an_sms_of_1600_characters_of_any_alphabet_is_accepted(
    client: httpx.AsyncClient, letter: str
) -> None:
    body = ASKED | {"channel": "sms", "message": letter * 1600}

    assert (await client.post("/notifications", json=body)).status_code == 202


@pytest.mark.parametrize("client", ["general", "hot"], indirect=True)
async def test_all_bad_fields_are_named_at_once(client: httpx.AsyncClient) -> None:
    body = {"message": "", "channel": "fax", "priority": 1, "x": 1}

    answer = await client.post("/notifications", json=body, headers={"Idempotency-Key": "a b"})

    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {
        "/user_id",
        "/message",
        "/channel",
        "/priority",
        "/x",
        "/header/idempotency-key",
    }


async def test_an_answer_does_not_repeat_what_was_sent(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notifications", json={"user_id": 1, "message": {"secret": "s3"}})

    assert "s3" not in answer.text


async def test_a_body_may_be_one_and_a_half_mib_and_no_more(client: httpx.AsyncClient) -> None:
    body = json.dumps(ASKED).encode()
    as_large_as_may_be = body + b" " * (LIMIT_BYTES - len(body))

    assert (await client.post("/notifications", content=as_large_as_may_be)).status_code == 202
    refused = await client.post("/notifications", content=as_large_as_may_be + b" ")

    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("limit=ten", "/query/limit"),
        ("status=lost", "/query/status"),
        ("status=", "/query/status"),
        ("channel=fax", "/query/channel"),
        ("user_id=", "/query/user_id"),
        ("tag=", "/query/tag"),
        ("tag=a%20b", "/query/tag"),
        (f"reference={'r' * 256}", "/query/reference"),
        ("reference=%0a", "/query/reference"),
        (f"user_id={'u' * 129}", "/query/user_id"),
        ("user_id=%00", "/query/user_id"),
        ("cursor=nonsense", "/query/cursor"),
        ("cursor=%F0%9F%92%A9", "/query/cursor"),
        (f"cursor={'c' * 1025}", "/query/cursor"),
    ],
)
async def test_each_bad_filter_of_the_list_is_named(
    client: httpx.AsyncClient, query: str, pointer: str
) -> None:
    answer = await client.get(f"/notifications?{query}")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "path",
    [
        "/notifications/{}",
        "/notifications/{}/events",
        "/dead-letters/{}",
    ],
)
@pytest.mark.parametrize(
    "trace_id",
    ["0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10", "nonsense", "%2e%2e%2fusers", "%00", "a" * 500],
)
async def test_unknown_and_malformed_trace_ids_are_not_found(
    client: httpx.AsyncClient, path: str, trace_id: str
) -> None:
    answer = await client.get(path.format(trace_id))

    assert answer.status_code == 404
    assert answer.json()["code"].endswith("_not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reasn": "poison"}, "/reasn"),
        ({"limit": 0}, "/limit"),
        ({"limit": "all"}, "/limit"),
        ({"dry_run": "no"}, "/dry_run"),
        ({"since": "yesterday"}, "/since"),
        ([], ""),
    ],
)
async def test_each_bad_field_of_a_replay_is_named(
    client: httpx.AsyncClient, body: object, pointer: str
) -> None:
    answer = await client.post("/dead-letters/replay", json=body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_the_largest_request_that_the_fields_allow_is_accepted(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    largest = {"user_id": "🙂" * 128, "message": "🙂" * 10_000, "subject": "🙂" * 255}
    soon = (clock() + timedelta(days=1)).isoformat()
    times = {"send_at": soon, "channel": "email", "priority": "normal"}

    answer = await client.post("/notifications", content=json.dumps(largest | times, indent=8))

    assert answer.status_code == 202


async def test_null_is_as_good_as_nothing_for_all_that_may_be_left_out(
    client: httpx.AsyncClient,
) -> None:
    names = ("channel", "subject", "priority", "send_at", "expires_at")

    sent = await client.post("/notifications", json=ASKED | dict.fromkeys(names))
    flags = {"reason": "poison", "dry_run": None, "all": None}
    replayed = await client.post("/dead-letters/replay", json=flags)

    assert sent.status_code == 202
    assert (replayed.status_code, replayed.json()["dry_run"]) == (200, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/notifications"),
        ("POST", "/notifications"),
        ("GET", "/notifications/t"),
        ("DELETE", "/notifications/t"),
        ("GET", "/dead-letters"),
        ("DELETE", "/dead-letters/t"),
        ("POST", "/dead-letters/replay"),
        ("GET", "/events"),
        ("GET", "/health/live"),
    ],
)
async def test_an_unknown_parameter_is_refused_and_named(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, f"{path}?userid=x")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/query/userid", "unknown_parameter")


async def test_all_faults_of_a_query_are_named_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.get("/notifications?limit=0&userid=x&status=sent&status=failed")

    found = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert found == {
        ("/query/limit", "out_of_range"),
        ("/query/userid", "unknown_parameter"),
        ("/query/status", "repeated"),
    }


async def test_the_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await client.post("/notifications", json=ASKED)
    page = (await client.get("/notifications?limit=1")).json()

    same, other = [
        await client.get(path, params={"cursor": page["next_cursor"]})
        for path in ("/notifications", "/dead-letters")
    ]

    assert (same.status_code, other.status_code) == (200, 422)
    assert other.json()["errors"][0]["code"] == "invalid_cursor"
