"""`asyncnotify dlq list --groups`."""

import json

import pytest
from testkit.scripts import read_request, scripted_server

GROUP = {
    "reason": "unknown_user",
    "channel": None,
    "count": 3,
    "oldest_at": "2027-01-31T09:00:00Z",
    "newest_at": "2027-01-31T10:00:00Z",
}


@pytest.fixture
async def gateway():
    async def answer(reader, writer):
        request = await read_request(reader)
        assert request.startswith(b"GET /dead-letters/groups ")
        body = json.dumps({"items": [GROUP], "is_complete": False}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with scripted_server(answer) as url:
        yield url


async def test_groups_are_counted_and_it_is_said_that_there_are_more(command, gateway):
    code, found, said = await command("dlq", "list", "--groups", url=gateway)

    assert code == 0
    assert json.loads(found) == GROUP
    assert "there are more" in said


async def test_groups_take_no_filters(command, gateway):
    code, _, said = await command("dlq", "list", "--groups", "--reason", "poison", url=gateway)

    assert code == 2
    assert "excludes filters" in said
