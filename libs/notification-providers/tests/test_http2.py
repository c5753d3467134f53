"""HTTP/2 as it fails: what surely was not taken, what may have been, and a connection that is dead.

Source: RFC 9113, sections 6.8 (GOAWAY) and 8.7 (what was not processed).
"""

import asyncio
import contextlib
import ssl
from datetime import timedelta

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import trustme
from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.port import TransientFailure, UncertainFailure

PATIENCE = timedelta(seconds=3)


class Http2Server:
    """Does with its requests as the script says, one after the other, and then answers."""

    def __init__(self):
        self.script, self.connections, self.requests = [], 0, 0

    async def __aenter__(self):
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(["h2"])
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.ca = authority.cert_pem
        self.tasks = set()
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self.url = f"https://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _accept(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            with contextlib.suppress(OSError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader, writer):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    self.requests += 1
                    if not await self._reply(connection, event.stream_id, reader):
                        writer.write(connection.data_to_send())
                        return
            writer.write(connection.data_to_send())

    async def _reply(self, connection, stream, reader):
        """Return False to hang up."""
        match self.script.pop(0) if self.script else "answer":
            case "answer":
                connection.send_headers(stream, [(":status", "200")], end_stream=True)
            case "answer, then go away":
                connection.send_headers(stream, [(":status", "200")], end_stream=True)
                connection.close_connection(last_stream_id=stream)
                return False
            case "refuse":
                connection.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
            case "reset":
                connection.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            case "go away, nothing taken":
                connection.close_connection(last_stream_id=0)
                return False
            case "go away, taken":
                connection.close_connection(last_stream_id=stream)
                return False
            case "hang up":
                return False
            case "fall silent":
                while await reader.read(65536):
                    pass
        return True


@pytest.fixture
async def server():
    async with Http2Server() as running:
        yield running


@pytest.fixture
async def caller(server, tmp_path):
    path = tmp_path / "ca.pem"
    server.ca.write_to_path(path)
    http = HttpCaller(is_http2=True, ca_file=str(path), timeout=PATIENCE)
    yield http
    await http.close()


async def test_calls_share_one_connection(server, caller):
    answers = [await caller.call("POST", server.url, body=b"a") for _ in range(3)]
    answers += await asyncio.gather(*(caller.call("POST", server.url) for _ in range(20)))

    assert [answer.status for answer in answers] == [200] * 23
    assert server.connections == 1


@pytest.mark.parametrize("how", ["refuse", "go away, nothing taken"])
async def test_what_the_server_says_it_has_not_taken_is_transient(server, caller, how):
    await caller.call("POST", server.url)
    server.script = [how]

    assert isinstance(await caller.call("POST", server.url, body=b"a"), TransientFailure)
    assert isinstance(await caller.call("POST", server.url, body=b"a"), HttpAnswer)


async def test_a_connection_that_went_away_while_idle_is_no_doubt(server, caller):
    server.script = ["answer, then go away"]

    answers = [await caller.call("POST", server.url, body=b"a") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert (server.connections, server.requests) == (2, 2)


@pytest.mark.parametrize("how", ["reset", "go away, taken", "hang up"])
async def test_what_it_may_have_taken_is_uncertain(server, caller, how):
    await caller.call("POST", server.url)
    server.script = [how]

    assert isinstance(await caller.call("POST", server.url, body=b"a"), UncertainFailure)
    assert isinstance(await caller.call("POST", server.url, body=b"a"), HttpAnswer)


async def test_a_connection_that_fell_silent_is_given_up_by_all_who_wait_on_it(server, caller):
    server.script = ["fall silent"]

    answers = await asyncio.gather(*(caller.call("POST", server.url) for _ in range(5)))
    after = await caller.call("POST", server.url)

    assert all(isinstance(answer, UncertainFailure) for answer in answers)
    assert isinstance(after, HttpAnswer)
    assert server.connections == 2
