import json

import pytest
from testkit.scripts import read_request, scripted_server


@pytest.fixture
async def gateway():
    """Yield the URL of a gateway that takes everything, and the bodies that it was sent."""
    bodies = []

    async def take(reader, writer):
        bodies.append(json.loads((await read_request(reader)).partition(b"\r\n\r\n")[2]))
        answer = json.dumps({"trace_id": "t", "status": "queued", "status_url": "/"}).encode()
        writer.write(
            b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer)
        )

    async with scripted_server(take) as url:
        yield url, bodies


async def test_what_is_said_is_sent(command, gateway, tmp_path):
    url, bodies = gateway
    page = tmp_path / "page.html"
    page.write_text("<p>ж</p>", "utf-8")

    labels = ("--tag", "orders", "--tag", "team:a", "--reference", "order 7")
    payload = ("--html", f"@{page}", "--data", '{"order": 7}')
    code, said, _ = await command("send", "ada", "hi", *labels, *payload, url=url)

    assert (code, said) == (0, "t\n")
    assert bodies == [
        {
            "user_id": "ada",
            "message": "hi",
            "html": "<p>ж</p>",
            "data": {"order": 7},
            "tags": ["orders", "team:a"],
            "reference": "order 7",
        }
    ]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--data", "{", "is not JSON"),
        ("--data", "[1]", "must be a JSON object"),
        ("--html", "@/does/not/exist", "No such file"),
    ],
)
async def test_what_cannot_be_sent_is_named(command, gateway, option, value, words):
    url, bodies = gateway

    code, _, said = await command("send", "ada", "hi", option, value, url=url)

    assert code == 2
    assert option in said
    assert words in said
    assert bodies == []
