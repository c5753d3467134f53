import asyncio
import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"


async def test_method_query_and_body_reach_the_service_as_they_are(http, service):
    body = b'{"user_id": "\xc3\xbc",  "nonsense": [1, }'

    await http.put("/users/ada?a=1&b=%20%2F&c", content=body)

    seen = service.seen[-1]
    assert (seen["method"], seen["path"], seen["query"]) == ("PUT", "/users/ada", "a=1&b=%20%2F&c")
    assert seen["body"].encode("latin-1") == body


async def test_a_query_passes_unchanged_whatever_is_in_it(door, service):
    query = "a=1&a=2&b=%2F%zz;c=+&\"<>[]{}|^`\\\\'!$()*,:@/?~=&&"

    await door.say(
        f"GET /users?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )

    assert service.seen[-1]["query"] == query


@pytest.mark.parametrize("said", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_body_is_json_whatever_the_client_calls_it(http, service, said):
    await http.post("/notifications", content=b"{}", headers={"Content-Type": said} if said else {})

    assert ["content-type", "application/json"] in service.seen[-1]["headers"]


async def test_status_body_and_the_headers_that_matter_come_back(http, service):
    service.status = 202
    service.body = b'{"trace_id":"t"}'
    service.headers = [
        (b"content-type", b"application/json"),
        (b"location", b"/notifications/t"),
        (b"retry-after", b"7"),
        (b"idempotent-replayed", b"true"),
    ]

    answer = await http.post("/notifications", content=b"{}")

    assert (answer.status_code, answer.content) == (202, b'{"trace_id":"t"}')
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Location"] == "/notifications/t"
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Idempotent-Replayed"] == "true"


async def test_an_answer_without_body_stays_one(http, service):
    service.status, service.body = 204, b""

    answer = await http.delete("/users/ada")

    assert answer.status_code == 204
    assert "Content-Type" not in answer.headers


async def test_the_headers_that_matter_reach_the_service(http, service):
    headers = {"Idempotency-Key": "k-1", "Last-Event-ID": "7-0", "Accept": "application/json"}

    await http.post("/notifications", content=b"{}", headers=headers)

    seen = dict(service.seen[-1]["headers"])
    assert {name: seen[name.lower()] for name in headers} == headers


async def test_no_other_header_reaches_the_service(http, service):
    headers = {
        "Connection": "keep-alive, X-Secret",
        "Keep-Alive": "timeout=5",
        "X-Secret": "s",
        "TE": "trailers",
        "Proxy-Authorization": "Basic eA==",
        "Upgrade": "h2c",
        "Cookie": "a=b",
        "X-Forwarded-For": "10.0.0.1",
        "Host": "anything.localhost",
    }

    await http.get("/users/ada", headers=headers)

    seen = dict(service.seen[-1]["headers"])
    assert set(seen) <= {"host", "accept", "x-request-id"}
    assert seen["host"] != "anything.localhost"


async def test_no_header_of_one_hop_comes_back(http, service):
    service.headers = [
        (b"content-type", b"application/json"),
        (b"keep-alive", b"timeout=99"),
        (b"x-secret", b"s"),
        (b"set-cookie", b"a=b"),
        (b"server", b"inside"),
    ]

    answer = await http.get("/users/ada")

    assert not {"keep-alive", "x-secret", "set-cookie"} & set(answer.headers)
    assert "inside" not in answer.headers.get_list("Server")


async def test_a_repeated_header_is_passed_as_one_list(door, service):
    await door.say(
        b"GET /users HTTP/1.1\r\nHost: localhost\r\nAccept: a/b\r\nAccept: c/d\r\n"
        b"Connection: close\r\n\r\n"
    )

    assert ["accept", "a/b, c/d"] in service.seen[-1]["headers"]


@pytest.mark.parametrize("value", ["caf\u00e9".encode(), b"caf\xe9", b"\x80\xff"])
async def test_header_bytes_beyond_ascii_do_no_harm(door, service, value):
    raw = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"

    answer = await door.say(raw + b"Idempotency-Key: " + value + b"\r\nConnection: close\r\n\r\n{}")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert "idempotency-key" in dict(service.seen[-1]["headers"])


async def test_the_request_id_is_the_same_on_both_sides(http, service):
    answer = await http.get("/users/ada", headers={"X-Request-ID": "order-66"})

    assert answer.headers.get_list("X-Request-ID") == ["order-66"]
    assert dict(service.seen[-1]["headers"])["x-request-id"] == "order-66"


async def test_a_request_id_is_made_when_there_is_none(http, service):
    service.headers = [(b"x-request-id", b"of-the-service")]

    answer = await http.get("/users/ada")

    made = answer.headers.get_list("X-Request-ID")
    assert made == [dict(service.seen[-1]["headers"])["x-request-id"]]


async def test_a_problem_of_the_service_passes_as_it_is(client, publisher):
    body = b'{"status": 503, "code": "queue_unavailable", "request_id": "r"}'
    publisher.answers(503, body=body, content_type=PROBLEM, retry_after="5")

    answer = await client.post("/notifications", content=b"{}")

    assert (answer.status_code, answer.content) == (503, body)
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/json", ""])
async def test_any_other_5xx_of_a_service_is_replaced(client, publisher, content_type):
    publisher.answers(500, body=b"Traceback: secret", content_type=content_type)

    answer = await client.get("/notifications")

    assert answer.status_code == 503
    assert answer.json()["code"] == "upstream_failed"
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    ("path", "of_publisher"),
    [
        ("/notifications", True),
        ("/notifications/t", True),
        ("/dead-letters", True),
        ("/dead-letters/t", True),
        ("/users", False),
        ("/users/u", False),
        ("/users/u/contact-info", False),
    ],
)
async def test_each_call_reaches_the_service_that_answers_it(
    client, publisher, users, path, of_publisher
):
    await client.get(path)

    right, wrong = (publisher, users) if of_publisher else (users, publisher)
    assert right.paths == [path]
    assert wrong.seen == []


async def test_calls_that_are_not_public_are_not_relayed(client, publisher, users):
    for path in ("/", "/notification", "/contact-info/lookup", "/admin", "/users/a/b/c"):
        answer = await client.post(path, content=b"{}")
        assert answer.status_code in {404, 405}

    assert publisher.seen == users.seen == []


async def test_the_trace_id_is_in_the_access_line(client, publisher, capsys):
    trace_id = "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"
    publisher.answers(202, body=b"{}", location=f"/notifications/{trace_id}")

    await client.post("/notifications", content=b"{}")
    await client.get(f"/notifications/{trace_id}")

    lines = [line for line in capsys.readouterr().out.splitlines() if "request.served" in line]
    assert len(lines) == 2
    assert all(trace_id in line.replace(f"path=/notifications/{trace_id}", "") for line in lines)


async def test_the_largest_body_passes_and_one_byte_more_does_not(client, publisher):
    largest = json.dumps("x" * (1_572_864 - 2)).encode()

    passed = await client.post("/notifications", content=largest)
    refused = await client.post("/notifications", content=largest + b" ")

    assert (passed.status_code, refused.status_code) == (200, 413)
    assert refused.json()["code"] == "body_too_large"
    assert [len(request["body"]) for request in publisher.seen] == [1_572_864]


async def test_a_body_in_chunks_is_limited_too(door, service):
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    head = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"

    answer = await door.say(head + b"Connection: close\r\n\r\n" + chunk * 385 + b"0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert service.seen == []


async def test_a_body_in_chunks_is_relayed(door, service):
    head = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"

    await door.say(head + b"Connection: close\r\n\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n")

    assert service.seen[-1]["body"] == "{} "


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "GZIP"])
async def test_a_compressed_body_is_refused(client, publisher, encoding):
    answer = await client.post(
        "/notifications", content=b"\x1f\x8b", headers={"Content-Encoding": encoding}
    )

    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_encoding"
    assert answer.headers["Accept-Encoding"] == "identity"
    assert publisher.seen == []


async def test_a_body_that_says_it_is_not_compressed_passes(client):
    answer = await client.post(
        "/notifications", content=b"{}", headers={"Content-Encoding": "identity"}
    )

    assert answer.status_code == 200


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(door, service):
    raw = (
        b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        b"Expect: 100-continue\r\nConnection: close\r\n\r\n{}"
    )

    answer = await door.say(raw)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert service.seen[-1]["body"] == "{}"
    assert "expect" not in dict(service.seen[-1]["headers"])


async def test_a_client_that_hangs_up_in_its_body_is_no_crash(door, service, capsys):
    raw = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}"
    _, writer = await asyncio.open_connection(*door.address)
    writer.write(raw)
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.05)

    assert service.seen == []
    assert "request.crashed" not in capsys.readouterr().out


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "DELETE"])
async def test_a_method_that_a_path_does_not_know_is_405(client, method):
    answer = await client.request(method, "/notifications")

    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
