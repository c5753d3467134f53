import json

import pytest
from asyncnotify.commands import terminal
from rich.console import Console

PAGE = {"items": [], "next_cursor": None}
PROVIDERS = {"channels": [], "delivery": "live", "pauses_are_shared": True}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["send", "--version"],
        ["dlq", "--version"],
        ["dlq", "list", "--version"],
        ["up", "--version"],
        ["prove", "--version"],
    ],
)
async def test_the_version_is_told_everywhere(invoke, arguments):
    told = await invoke(*arguments)

    assert told.exit_code == 0
    assert told.stdout.startswith("asyncnotify 0.")


@pytest.mark.parametrize("is_first", [True, False])
async def test_options_of_all_stand_before_or_behind_the_command(
    invoke, api, monkeypatch, is_first
):
    monkeypatch.setenv("ASYNCNOTIFY_URL", "http://127.0.0.1:1")
    api.answers["GET /dead-letters"] = (200, PAGE)
    options, command = ["--url", api.url, "--key", "an_live_k", "--json"], ["dlq", "list"]

    done = await invoke(*(options + command if is_first else command + options))

    assert (done.exit_code, json.loads(done.stdout)) == (0, PAGE)
    assert api.keys == {"Bearer an_live_k"}


async def test_a_key_is_read_from_stdin_a_file_or_the_environment(
    invoke, api, monkeypatch, tmp_path
):
    api.answers["GET /dead-letters"] = (200, PAGE)
    file = tmp_path / "key"
    file.write_text("an_live_file\n")

    await invoke("--key", "-", "dlq", "list", input="an_live_stdin\n")
    await invoke("dlq", "list", "--key-file", file)
    monkeypatch.setenv("ASYNCNOTIFY_KEY", "an_live_environment")
    await invoke("dlq", "list")

    assert api.keys == {f"Bearer an_live_{name}" for name in ("stdin", "file", "environment")}


@pytest.mark.parametrize(
    "options", [["--key", ""], ["--key-file", "/nowhere"], ["--key", "-"], ["--key", "two words"]]
)
async def test_a_key_that_can_not_be_one_is_refused_before_anything_is_sent(invoke, api, options):
    done = await invoke("dlq", "list", *options)

    assert done.exit_code == 2
    assert api.asked == []


async def test_no_colours_are_printed_if_none_are_wanted(invoke, api, monkeypatch):
    coloured = Console(stderr=True, force_terminal=True, color_system="standard")
    monkeypatch.setattr(terminal, "err", coloured)
    api.answers["GET /dead-letters"] = (200, PAGE)

    await invoke("dlq", "list", "--no-color")

    assert coloured.no_color


@pytest.mark.parametrize(
    ("status", "code"), [(401, 4), (403, 4), (404, 1), (409, 1), (422, 1), (500, 1)]
)
async def test_the_exit_code_says_what_kind_of_refusal_it_was(invoke, api, status, code):
    api.answers["GET /users/ada"] = (status, {"code": "some_code", "detail": "no"})

    done = await invoke("users", "get", "ada")

    assert done.exit_code == code
    assert "error: no" in done.stderr


async def test_the_exit_code_says_that_nothing_answers_and_who_knows_more(invoke):
    done = await invoke("cancel", "t", "--url", "http://127.0.0.1:1")

    assert done.exit_code == 3
    assert "nothing listens there" in done.stderr
    assert "asyncnotify doctor" in done.stderr


async def test_the_exit_code_says_that_it_is_no_gateway(invoke, api):
    api.answers["GET /users/ada"] = (200, {"hello": "world"})

    assert (await invoke("users", "get", "ada")).exit_code == 3


async def test_errors_are_json_too_if_that_is_wanted(invoke, api):
    fault = {"pointer": "/user_id", "code": "too_long", "message": "is too long"}
    problem = {"code": "invalid_request", "detail": "bad", "errors": [fault], "request_id": "r"}
    api.answers["GET /users/ada"] = (422, problem)

    done = await invoke("--json", "users", "get", "ada")

    said = json.loads(done.stderr)["error"]
    assert said["errors"] == [fault]
    assert (said["kind"], said["status"], said["request_id"]) == ("Invalid", 422, "r")


async def test_a_misspelt_option_is_told_which_there_are(invoke):
    unlike = await invoke("list", "--from", "x")
    alike = await invoke("list", "--chanel", "sms")

    assert (unlike.exit_code, alike.exit_code) == (2, 2)
    words = " ".join(unlike.stderr.replace("│", " ").split())
    assert "--from" in words
    assert "--since" in words
    assert "--channel" in alike.stderr


async def test_completion_knows_the_commands(invoke):
    shown = await invoke(
        "",
        env={
            "_ASYNCNOTIFY_COMPLETE": "complete_bash",
            "COMP_WORDS": "asyncnotify sen",
            "COMP_CWORD": "1",
        },
    )

    assert {"send", "send-many"} <= set(shown.stdout.split())
