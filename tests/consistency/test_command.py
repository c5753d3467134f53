"""The page about the command lists what it has, and nothing else."""

import re

import pytest
import typer
from asyncnotify.commands.console import ExitCode
from asyncnotify.main import app

ROW = re.compile(r"^\| `([a-z -]+)[^`]*` \| (.*?) \| (.*?) ?\|$", re.MULTILINE)


def commands_of(command, path=()):
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name in command.list_commands(None):
        yield from commands_of(command.commands[name], (*path, name))


def options_of(command):
    return {name for each in command.params for name in each.opts if name.startswith("--")}


@pytest.fixture(scope="module")
def commands():
    return dict(commands_of(typer.main.get_command(app)))


@pytest.fixture
def page(root):
    return (root / "docs/cli.md").read_text()


def test_each_command_stands_there_with_its_options(commands, page):
    of_all = set.intersection(*(options_of(each) for each in commands.values()))
    of_clients = options_of(commands["cancel"])
    rows = {name.strip(): (words, options) for name, words, options in ROW.findall(page)}
    assert rows.keys() == commands.keys()
    for name, command in commands.items():
        words, options = rows[name]
        assert words == command.help.split("\n\n")[0].replace("\n", " "), name
        own = options_of(command) - of_all - of_clients
        assert set(re.findall(r"`(--[a-z-]+)`", options)) == own, name
    for option in of_clients - {"--help"}:
        assert f"`{option}" in page, option


def test_every_exit_code_stands_there(page):
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}

    assert told == set(ExitCode)
