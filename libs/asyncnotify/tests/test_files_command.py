import asyncio
import json
import socket
from urllib.parse import unquote

import pytest
from asyncnotify.api import CHANNELS
from asyncnotify.commands import files
from asyncnotify.main import app
from testkit.scripts import read_request, scripted_server
from typer.testing import CliRunner


class Gateway:
    """Takes whatever it is asked; keeps path, key and body of each request."""

    url: str

    def __init__(self):
        self.paths, self.keys, self.bodies = [], [], []

    async def __call__(self, reader, writer):
        while True:
            head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
            self.paths.append(unquote(head.split(b" ")[1].decode()))
            self.keys += [
                line.split(b": ")[1]
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"idempotency-key")
            ]
            self.bodies.append(json.loads(body))
            answer = {"user_id": "ada", "trace_id": "t", "status": "queued", "status_url": "/"}
            document = json.dumps(answer).encode()
            writer.write(
                b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(document), document)
            )


@pytest.fixture
async def gateway():
    gateway = Gateway()
    async with scripted_server(gateway) as gateway.url:
        yield gateway


async def test_a_second_run_sends_nothing_and_says_what_it_skipped(command, gateway, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("user_id;message\nada;hi\n;nobody\nbob;ho\n")

    first = await command("send-many", file, url=gateway.url)
    second = await command("send-many", file, url=gateway.url)

    assert first[:2] == (1, "3 rows, 1 refused\n")
    assert second[:2] == (1, "3 rows, 1 refused, 3 skipped\n")
    assert "3 of 3 rows were done by an earlier run" in second[2]
    assert len(gateway.bodies) == len(set(gateway.keys)) == 2
    rejected = (tmp_path / "people.csv.rejected.csv").read_text().splitlines()
    assert rejected[1:] == [",nobody,,,,,,3,user_id is blank"]


async def test_a_channel_that_was_added_has_its_column(gateway, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHANNELS", (*CHANNELS, "pager"))
    file = tmp_path / "users.csv"
    file.write_text("user_id,pager,email\nada,+14155552671,ada@example.com\n")
    environment = {"ASYNCNOTIFY_URL": gateway.url}

    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["import-users", str(file)], env=environment
    )

    assert done.exit_code == 0, done.output
    assert gateway.paths == ["/users/ada"]
    assert gateway.bodies == [{"pager": "+14155552671", "email": "ada@example.com"}]


async def test_a_redirect_stops_the_run_and_no_row_counts_as_done(command, tmp_path):
    async def redirect(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://door/\r\nContent-Length: 0\r\n\r\n")

    file = tmp_path / "people.csv"
    file.write_text("user_id,message\nada,hi\nbob,ho\n")
    async with scripted_server(redirect) as url:
        code, said, complaint = await command("send-many", file, url=url)

    assert (code, said) == (1, "")
    assert "redirect to https://door/" in complaint
    assert "0 of 2 rows done" in complaint


async def test_a_file_that_misleads_is_an_error_of_one_line(command, gateway, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text('user_id,message\nada,"hi\nbob,ho\n')

    code, said, complaint = await command("send-many", file, url=gateway.url)

    assert (code, said, gateway.bodies) == (1, "", [])
    assert complaint.startswith(f"error: {file}, line 2: a quote")
    assert "Traceback" not in complaint


@pytest.mark.parametrize(
    ("name", "rows", "field", "meant"),
    [
        (
            "send-many",
            'user_id,message\nzoe,"Dear Zoe,\n3,50 EUR are due\n"\n',
            "message",
            "Dear Zoe,\n3,50 EUR are due\n",
        ),
        ("send-many", 'user_id,message\nzoe,"long' + "\n" * 150 + '"\n', "message", "long"),
        ("import-users", 'user_id,email\nzoe,"z@example.com\ny,b@example.com"\n', "email", "z@"),
    ],
    ids=["a decimal comma", "many lines", "users"],
)
async def test_line_breaks_in_cells_can_be_said_to_be_meant(
    command, gateway, tmp_path, name, rows, field, meant
):
    file = tmp_path / "people.csv"
    file.write_text(rows)

    refused, _, complaint = await command(name, file, url=gateway.url)
    asked_before = len(gateway.bodies)
    code, said, _ = await command(name, file, "--multiline", url=gateway.url)

    assert (refused, asked_before) == (1, 0)
    assert "--multiline" in complaint
    assert (code, said) == (0, "1 rows, 0 refused\n")
    assert gateway.bodies[0][field].startswith(meant)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTP_PROXY"])
async def test_a_socks_proxy_does_not_come_between_the_command_and_this_machine(
    command, gateway, monkeypatch, variable
):
    command.environment[variable] = "socks5://127.0.0.1:1080"

    code, said, _ = await command("send", "ada", "hi", url=gateway.url)

    assert (code, said) == (0, "t\n")


async def test_a_proxy_that_can_not_be_used_is_said_in_words(command):
    command.environment |= {"ALL_PROXY": "socks5://127.0.0.1:1080", "NO_PROXY": ""}

    code, _, complaint = await command("status", "t", url=f"http://{socket.gethostname()}.example")

    assert code == 1
    assert complaint.startswith("error: the environment (ALL_PROXY")
