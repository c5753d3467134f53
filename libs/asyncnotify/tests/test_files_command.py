import asyncio
import json
import socket
from urllib.parse import unquote

import pytest
from asyncnotify.api import CHANNELS
from asyncnotify.commands import files, global_options
from asyncnotify.csv_job import CsvJob
from asyncnotify.errors import Refused
from asyncnotify.main import app
from testkit.scripts import read_request, scripted_server
from typer.testing import CliRunner


class Gateway:
    """Takes whatever it is asked for; keeps each path, and each item that it was sent."""

    url: str

    def __init__(self):
        self.paths, self.items = [], []

    async def __call__(self, reader, writer):
        while True:
            head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
            path = unquote(head.split(b" ")[1].decode())
            self.paths.append(path)
            document = json.loads(body)
            answer: dict[str, object] = {"trace_id": "t", "status": "queued", "status_url": "/"}
            if path.endswith("/batch"):
                [items] = document.values()
                self.items += items
                answer = {"items": [{"status": 202, "trace_id": "t"} for _ in items]}
            text = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


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

    assert first[:2] == (1, "3 rows: 2 accepted, 1 refused\n")
    assert second[:2] == (1, "3 rows: 2 accepted, 1 refused (3 by an earlier run)\n")
    assert "3 of 3 rows were done by an earlier run" in second[2]
    assert [item["user_id"] for item in gateway.items] == ["ada", "bob"]
    assert len({item["idempotency_key"] for item in gateway.items}) == 2
    rejected = (tmp_path / "people.csv.rejected.csv").read_text().splitlines()
    assert rejected[1:] == [",nobody,,,,,,,,,3,user_id is blank"]


async def test_labels_and_ids_of_ones_own_are_columns(gateway, invoke, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text('user_id,message,tags,reference,html\nada,hi,"orders vip,de",7,<p>hi</p>\n')

    done = await invoke("send-many", file, "--url", gateway.url)

    assert done.exit_code == 0, done.output
    [item] = gateway.items
    assert item["tags"] == ["orders", "vip", "de"]
    assert (item["reference"], item["html"]) == ("7", "<p>hi</p>")


async def test_a_channel_that_was_added_has_its_column(gateway, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHANNELS", (*CHANNELS, "pager"))
    file = tmp_path / "users.csv"
    file.write_text("user_id,pager,email\nada,+14155552671,ada@example.com\n")
    environment = {"ASYNCNOTIFY_URL": gateway.url}

    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["import-users", str(file)], env=environment
    )

    assert done.exit_code == 0, done.output
    assert gateway.paths == ["/users/batch"]
    assert gateway.items == [
        {"user_id": "ada", "pager": "+14155552671", "email": "ada@example.com"}
    ]


async def test_a_redirect_stops_the_run_and_no_row_counts_as_done(command, tmp_path):
    async def redirect(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://door/\r\nContent-Length: 0\r\n\r\n")

    file = tmp_path / "people.csv"
    file.write_text("user_id,message\nada,hi\nbob,ho\n")
    async with scripted_server(redirect) as url:
        code, said, complaint = await command("send-many", file, url=url)

    assert (code, said) == (3, "")
    assert "redirect to https://door/" in complaint
    assert "0 of 2 rows done" in complaint


async def test_rows_with_a_wrong_quote_are_kept_out_and_the_others_go(command, gateway, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text('user_id,message\nada,"hi\nbob,ho\n')

    code, said, complaint = await command("send-many", file, "--json", url=gateway.url)

    rejected = tmp_path / "people.csv.rejected.csv"
    counts = {"rows": 2, "refused": 1, "skipped": 0, "rejected_file": str(rejected)}
    assert (code, json.loads(said)) == (1, counts)
    assert [item["user_id"] for item in gateway.items] == ["bob"]
    assert ",2,a quote is not where it should be" in rejected.read_text().replace('"', "")
    assert complaint == ""


async def test_a_file_without_the_columns_is_an_error_of_one_line(command, gateway, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("user,message\nada,hi\n")

    code, said, complaint = await command("send-many", file, url=gateway.url)

    assert (code, said, gateway.items) == (1, "", [])
    assert complaint.startswith(f"error: {file}: no column 'user_id'")
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
    asked_before = len(gateway.items)
    code, said, _ = await command(name, file, "--multiline", url=gateway.url)

    assert (refused, asked_before) == (1, 0)
    assert "rejected.csv" in complaint
    assert (code, said) == (0, "1 row: 1 accepted, 0 refused\n")
    assert gateway.items[0][field].startswith(meant)


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

    assert code == 2
    assert complaint.startswith("error: the environment (ALL_PROXY")


async def test_where_no_bar_is_shown_it_says_once_why_it_waits(tmp_path, capsys):
    file = tmp_path / "people.csv"
    file.write_text("user_id,message\nada,hi\n")
    job = CsvJob(file, ("user_id",), ("user_id", "message"), target="http://127.0.0.1:1")
    job.load()
    full = Refused(503, "queue_full", "too many wait", retry_after_seconds=0.01)
    answers = iter([[full], [full], [None]])

    async def handle(_, rows):
        return next(answers)

    global_options._said.set(global_options.GlobalOptions())
    await files._run(job, handle)

    assert job.done == 1
    assert capsys.readouterr().err == "waiting: too many wait\n"
