"""What a provider posts is signed: it passes as it is."""

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = b"MessageSid=SM1&Body=\xff%20a"


async def test_a_receipt_passes_with_its_headers_query_and_body(client, dispatcher):
    answer = await client.post(
        "/receipts/twilio?to=a%20b",
        content=BODY,
        headers=[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Twilio-Signature", "abc="),
            ("Authorization", "Basic x"),
            ("Webhook-Id", "1"),
            ("Cookie", "session=1"),
            ("X-Internal-Token", "a guess"),
            ("X-Key-Id", "another's"),
            ("X-Key-Kind", "live"),
            ("X-Request-ID", "r-1"),
            ("Transfer-Encoding", "chunked"),
        ],
    )

    [seen] = dispatcher.seen
    headers = dict(seen["headers"])
    assert answer.status_code == 200
    assert (seen["path"], seen["query"]) == ("/receipts/twilio", "to=a%20b")
    assert seen["body"].encode("latin-1") == BODY
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["x-twilio-signature"] == "abc="
    assert headers["authorization"] == "Basic x"
    assert headers["webhook-id"] == "1"
    assert headers["x-request-id"] == "r-1"
    assert "cookie" not in headers
    assert not {"x-internal-token", "x-key-id", "x-key-kind"} & set(headers)


async def test_other_calls_still_pass_only_what_is_named(client, dispatcher):
    names = {"x-twilio-signature", "x-internal-token", "x-key-id", "x-key-kind"}
    headers = dict.fromkeys(names, "live")

    await client.post("/providers/email/test", content=b"{}", headers=headers)

    assert not names & set(dict(dispatcher.seen[0]["headers"]))


async def test_the_refusal_of_a_receipt_reaches_the_provider(client, dispatcher):
    problem = json.dumps({"code": "receipt_not_stored"}).encode()
    dispatcher.answers(503, body=problem, content_type="application/problem+json", retry_after="10")

    answer = await client.post("/receipts/twilio", content=b"x")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


async def test_a_compressed_receipt_is_refused_before_anyone_reads_it(client, dispatcher):
    answer = await client.post(
        "/receipts/twilio", content=b"x", headers={"Content-Encoding": "gzip"}
    )

    assert answer.status_code == 415
    assert dispatcher.seen == []
