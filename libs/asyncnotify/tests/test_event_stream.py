from dataclasses import astuple

import pytest
from asyncnotify.event_stream import read_events

STREAM = (
    "\ufeffretry: 10\n\n"
    ": keep-alive\r\n\r\n"
    "event: status\rid: 7-0\rdata: 1\r\r"
    "id:8-0\ndata:  ü\u2028\ndata\ndata:{}\nunknown: field\nnothing\n\n"
    "id: a\0b\nretry: soon\n\n"
    "data: the same id\r\n\r\n"
    "id\n\n"
    "data: cut off\n"
).encode()
EVENTS = [
    ("", "", "", 0.01),
    ("status", "1", "7-0", None),
    ("", " ü\u2028\n\n{}", "8-0", None),
    ("", "the same id", "8-0", None),
    ("", "", "", None),
]


async def read(chunks):
    async def stream():
        for chunk in chunks:
            yield chunk

    return [astuple(event) async for event in read_events(stream())]


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
async def test_it_does_not_matter_where_a_stream_is_cut(at):
    assert await read([STREAM[:at], STREAM[at:]]) == EVENTS


async def test_it_may_come_byte_by_byte():
    assert await read([STREAM[at : at + 1] for at in range(len(STREAM))]) == EVENTS


async def test_an_event_is_there_with_the_carriage_return_that_ends_it():
    async def stream():
        yield b"data: 1\r\r"
        pytest.fail("was waited for")

    events = read_events(stream())
    event = await anext(events)
    await events.aclose()

    assert event.data == "1"


async def test_what_is_no_utf_8_does_not_end_the_stream():
    assert await read([b"data: \xff\n\ndata: 2\n\n"]) == [
        ("", "\ufffd", "", None),
        ("", "2", "", None),
    ]
