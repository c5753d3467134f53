"""The client that waits: the same calls, from any thread, also after a fork."""

import inspect
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from asyncnotify import AsyncNotify, BadSetup, Client, NotFound

ACCEPTED = {"trace_id": "t", "status": "queued", "status_url": "/notifications/t"}
FORKS = """
import os, sys
from asyncnotify import Client

notify = Client(sys.argv[1])
print(notify.send("ada", "before").trace_id, flush=True)
child = os.fork()
print(notify.send("ada", "after").trace_id, flush=True)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print(notify.send("ada", "when the child has ended").trace_id, flush=True)
"""
# What was started in the background of a shell, as tests may be, inherits that Ctrl-C is ignored.
INTERRUPTED = """
import signal, sys
from asyncnotify import Client

signal.signal(signal.SIGINT, signal.default_int_handler)
notify = Client(sys.argv[1])
try:
    for change in notify.changes():
        pass
except KeyboardInterrupt:
    print("interrupted")
"""
INTERRUPTED_AT_ONCE = """
import asyncio, os, signal, sys
import httpx
from asyncnotify import Client

class Silent(httpx.AsyncByteStream):
    async def __aiter__(self):
        await asyncio.sleep(3600)
        yield b""

async def door(request):
    os.kill(os.getpid(), signal.SIGINT)
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Silent())

signal.signal(signal.SIGINT, signal.default_int_handler)
for _ in range(100):
    with Client(sys.argv[1], transport=httpx.MockTransport(door)) as notify:
        try:
            for change in notify.changes():
                pass
        except KeyboardInterrupt:
            print("interrupted")
"""
GIVEN_UP_AT_ONCE = """
import asyncio, os, signal, sys, threading
import httpx
from asyncnotify import Client

async def door(request):
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.sleep(3600)
    finally:
        ended.set()

signal.signal(signal.SIGINT, signal.default_int_handler)
for _ in range(100):
    ended = threading.Event()
    with Client(sys.argv[1], transport=httpx.MockTransport(door), timeout_seconds=3600) as notify:
        try:
            notify.user("ada")
        except KeyboardInterrupt:
            assert ended.wait(60), "it goes on in the background"
            print("ended")
"""


def client_of(handler):
    return Client("http://door", retry_seconds=0, transport=httpx.MockTransport(handler))


@pytest.fixture
def opened():
    """Is set once a stream of the door is open."""
    return threading.Event()


@pytest.fixture
def door(opened):
    """A gateway in threads: it accepts, and its streams say nothing."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(ACCEPTED).encode()
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            opened.set()
            self.rfile.read(1)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


def begin(program, url):
    return subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program, url],
        env=os.environ | {"PYTHONDEVMODE": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    """Wait for its end; return stdout, stderr and the exit code."""
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return out, err, process.returncode


def public(client):
    return {name for name in dir(client) if not name.startswith("_")}


def test_it_has_every_call_of_the_asynchronous_one_with_its_parameters_and_words():
    assert public(Client) == public(AsyncNotify)
    for name in public(Client) - {"close"}:
        here, there = getattr(Client, name), getattr(AsyncNotify, name)
        assert here.__doc__ == there.__doc__
        assert inspect.signature(here) == inspect.signature(there)
        assert not inspect.iscoroutinefunction(here)
    assert inspect.signature(Client) == inspect.signature(AsyncNotify)


def test_a_call_waits_for_its_answer():
    with client_of(lambda _: httpx.Response(202, json=ACCEPTED)) as notify:
        assert notify.send("ada", "hi").trace_id == "t"


def test_errors_are_the_same():
    with client_of(
        lambda _: httpx.Response(404, json={"code": "notification_not_found"})
    ) as notify:
        with pytest.raises(NotFound):
            notify.status("t")
        with pytest.raises(NotFound):
            list(notify.changes("t"))


def test_a_url_that_leads_nowhere_is_said_at_once():
    with pytest.raises(BadSetup):
        Client("localhost:8000")


def test_threads_share_one(door):
    found = []
    with Client(door) as notify:
        threads = [
            threading.Thread(target=lambda: found.append(notify.send("ada", "hi").trace_id))
            for _ in range(20)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    assert found == ["t"] * 20


def test_a_list_is_read_page_by_page_and_only_as_far_as_it_is_wanted():
    cursors = []

    def door(request):
        cursors.append(request.url.params.get("cursor"))
        number = len(cursors)
        items = [{"trace_id": f"{number}-{each}"} for each in range(2)]
        return httpx.Response(200, json={"items": items, "next_cursor": f"c{number}"})

    with client_of(door) as notify:
        listed = notify.iter_notifications(status="failed")
        first = [next(listed).trace_id for _ in range(3)]
        listed.close()

    assert first == ["1-0", "1-1", "2-0"]
    assert cursors == [None, "c1"]


def test_a_closed_one_says_so_and_may_be_closed_again(door):
    notify = Client(door)
    notify.send("ada", "hi")
    notify.close()
    notify.close()

    with pytest.raises(RuntimeError, match="closed"):
        notify.send("ada", "hi")


def test_closing_it_ends_what_waits_in_another_thread(door):
    notify = Client(door)
    notify.send("ada", "hi")
    ended = []

    def follow():
        try:
            list(notify.changes())
        except RuntimeError as error:
            ended.append(str(error))

    thread = threading.Thread(target=follow)
    thread.start()
    notify.close()
    thread.join(60)

    assert len(ended) == 1
    assert "closed" in ended[0]


def test_it_can_not_be_called_from_its_own_callback(door):
    told = []

    def broken(request):
        if told:
            return httpx.Response(204)
        return httpx.Response(
            200, content="retry: 10\n\n", headers={"Content-Type": "text/event-stream"}
        )

    with client_of(broken) as notify:

        def call_back(_):
            told.append(True)
            notify.send("ada", "hi")

        with pytest.raises(RuntimeError, match="callback"):
            list(notify.changes("t", on_reconnect=call_back))


def test_a_forked_process_has_connections_of_its_own(door):
    out, err, code = outcome(begin(FORKS, door))

    assert (out.split(), err, code) == (["t"] * 4, "", 0)


def test_ctrl_c_ends_a_call_and_the_program(door, opened):
    process = begin(INTERRUPTED, door)
    assert opened.wait(60)

    process.send_signal(signal.SIGINT)

    assert outcome(process) == ("interrupted\n", "", 0)


def test_ctrl_c_ends_a_call_that_only_begins():
    assert outcome(begin(INTERRUPTED_AT_ONCE, "http://door")) == ("interrupted\n" * 100, "", 0)


def test_a_call_that_ctrl_c_interrupts_as_it_begins_does_not_go_on_in_the_background():
    assert outcome(begin(GIVEN_UP_AT_ONCE, "http://door")) == ("ended\n" * 100, "", 0)
