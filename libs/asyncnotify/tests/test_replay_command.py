import json

import pytest
from testkit.scripts import read_request, scripted_server

TRACE_IDS = [f"trace-{number}" for number in range(2_032)]


class Operator:
    """The gateway's operator side, of which only bulk replay is asked here; keeps the wishes."""

    url: str

    def __init__(self):
        self.wishes = []
        self.warning = None

    async def __call__(self, reader, writer):
        wish = json.loads((await read_request(reader)).partition(b"\r\n\r\n")[2])
        self.wishes.append(wish)
        is_dry = wish.get("dry_run", False)
        answer = {"matched": 2_032, "replayed": 0 if is_dry else 2_032, "dry_run": is_dry}
        body = json.dumps(answer | {"trace_ids": TRACE_IDS, "warning": self.warning}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.fixture
async def operator():
    operator = Operator()
    async with scripted_server(operator) as operator.url:
        yield operator


@pytest.mark.parametrize("options", [[], ["--limit", "5"], ["--yes"]])
async def test_a_replay_of_nothing_in_particular_is_refused(command, operator, options):
    code, _, said = await command("dlq", "replay", *options, url=operator.url)

    assert code == 2
    assert "--all" in said
    assert operator.wishes == []


async def test_it_tells_how_many_not_which(command, operator):
    code, said, _ = await command("dlq", "replay", "--all", url=operator.url)

    assert (code, said) == (0, "2032 of 2032 queued again\n")
    assert operator.wishes == [{"all": True}]


async def test_at_a_terminal_it_asks_first(command, operator):
    refused = await command("dlq", "replay", "--all", url=operator.url, keys="n\n")
    agreed = await command("dlq", "replay", "--reason", "poison", url=operator.url, keys="y\n")

    assert refused[0] == 1
    assert "queue 2032 dead letters again?" in refused[2]
    assert agreed[0] == 0
    assert operator.wishes == [
        {"all": True, "dry_run": True},
        {"reason": "poison", "dry_run": True},
        {"reason": "poison"},
    ]


async def test_yes_spares_the_question(command, operator):
    code, *_ = await command("dlq", "replay", "--all", "--yes", url=operator.url, keys="")

    assert code == 0
    assert operator.wishes == [{"all": True}]


async def test_a_dry_run_shows_the_first_ones(command, operator):
    code, said, _ = await command("dlq", "replay", "--dry-run", url=operator.url)

    assert code == 0
    counted, *ids, more = said.splitlines()
    assert (counted, more) == ("2032 would be queued again:", "  and 2022 more")
    assert [each.strip() for each in ids] == TRACE_IDS[:10]


@pytest.mark.parametrize("options", [["--all"], ["--dry-run"]])
async def test_it_warns_of_what_may_have_been_sent_before(command, operator, options):
    operator.warning = "3 of 2032: sent again, the user may get it twice"

    code, _, said = await command("dlq", "replay", *options, url=operator.url)

    assert code == 0
    assert f"warning: {operator.warning}" in said
