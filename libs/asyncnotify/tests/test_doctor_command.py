import json

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from testkit.http import live_server

SID = "AC" + "0" * 32
REFUSED = {"code": 20003, "message": "Authenticate", "status": 401}


@pytest.fixture
async def twilio():
    """The URL of a provider that does not know us."""

    async def refuse(_):
        return JSONResponse(REFUSED, status_code=401)

    paths = Route("/{path:path}", refuse, methods=["GET", "POST"])
    async with live_server(Starlette(routes=[paths])) as host:
        yield f"twilio://{SID}:hush@/+12025550100?host={host}"


async def test_a_provider_says_what_is_wrong_and_no_secret_is_shown(command, twilio, tmp_path):
    file = tmp_path / "providers"
    file.write_text(f"{twilio}\n")

    code, out, err = await command("doctor", "--provider-file", file)

    assert code == 1
    assert "wrong" in out
    assert "Authenticate" in out or "20003" in out
    assert "hush" not in out + err


async def test_for_programs_there_is_one_document(command):
    code, out, _ = await command(
        "doctor", "--provider", "fake://", "--channel", "email", "--to", "ada@example.com", "--json"
    )

    found = json.loads(out)
    assert (code, found["is_ok"]) == (0, True)
    assert found["findings"][0]["words"].startswith("accepted")


async def test_one_that_can_only_be_tried_by_sending_says_so(command):
    code, out, _ = await command("doctor", "--provider", "fake://", "--channel", "sms")

    assert code == 0
    assert "--to" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "pigeon://coop:hush@roof"], "pigeon:// is unknown"),
        (["--provider", "fake://"], "add --channel"),
        (["--provider", "-"], "there is no URL"),
        (["--provider-file", "/nowhere"], "can't be read"),
        (["--provider", "fake://", "--provider-file", "/nowhere"], "not both"),
        (["--to", "ada@example.com"], "--provider"),
    ],
)
async def test_who_asks_wrongly_is_told_how_to_ask(command, arguments, words):
    code, out, err = await command("doctor", *arguments)

    assert code == 2
    assert words in err
    assert "hush" not in out + err


async def test_without_a_running_system_it_says_how_to_start_one(command):
    code, out, _ = await command("doctor", url="http://127.0.0.1:1")

    assert code == 1
    assert "nothing listens there" in out
    assert "asyncnotify up" in out
