import asyncio
import json
import resource
import sys
from datetime import UTC, datetime, timedelta

import pytest
from notification_providers.fake.provider import FakeProvider
from notification_providers.port import (
    Accepted,
    AskableProvider,
    FaultSide,
    NotTaken,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext
from service_kit.failpoints import EXIT_CODE

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path):
    return tmp_path / "outbox.jsonl"


def open_fake(outbox, url="fake://"):
    context = ProviderContext("email", now=lambda: NOW, fake_outbox=outbox)
    provider, _ = PROVIDERS.open(url, context, Limits())
    return provider


def message(address="ada@example.com", *, text="hello", attempt=1):
    return OutgoingMessage(
        idempotency_key="t-1",
        trace_id="t-1",
        channel="email",
        attempt=attempt,
        address=address,
        message=text,
    )


async def test_what_it_accepts_is_a_line_in_the_outbox(outbox):
    outcome = await open_fake(outbox).send(message(text='ä "line"\nand another'))

    assert outcome == Accepted()
    [line] = outbox.read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "trace_id": "t-1",
        "channel": "email",
        "address": "ada@example.com",
        "message": 'ä "line"\nand another',
        "subject": None,
        "at": "2027-01-31T09:00:00.000+00:00",
    }


async def test_one_that_is_idempotent_keeps_a_message_once(outbox):
    provider = open_fake(outbox, "fake://?repeating=idempotent")

    assert [await provider.send(message()) for _ in range(2)] == [Accepted(), Accepted()]
    await provider.send(message("bob@example.com"))
    assert len(outbox.read_text("utf-8").splitlines()) == 2


async def test_one_that_is_askable_tells_by_the_outbox_what_it_took(outbox):
    provider = open_fake(outbox, "fake://?repeating=askable")
    assert isinstance(provider, AskableProvider)
    assert await provider.find(message(), since=NOW) == NotTaken()
    await provider.send(message())

    assert await provider.find(message(), since=NOW) == Accepted()
    assert await provider.find(message("bob@example.com"), since=NOW) == NotTaken()


async def test_without_an_outbox_it_cannot_tell():
    provider = open_fake(None, "fake://?repeating=askable")

    assert isinstance(await provider.find(message(), since=NOW), UncertainFailure)


def test_how_it_repeats_must_be_known(outbox):
    with pytest.raises(InvalidProviderUrl, match="repeating: must be"):
        open_fake(outbox, "fake://?repeating=twice")


async def test_what_it_refuses_is_not_in_the_outbox(outbox):
    outcome = await open_fake(outbox).send(message("fail-permanent@sim.example"))

    assert isinstance(outcome, PermanentFailure)
    assert outcome.fault is FaultSide.RECIPIENT
    assert not outbox.exists()


async def test_a_lost_answer_still_leaves_a_line(outbox):
    await open_fake(outbox).send(message("timeout-after-accept@sim.example"))

    assert len(outbox.read_text("utf-8").splitlines()) == 1


async def test_an_outbox_that_is_removed_is_begun_anew(outbox):
    fake = open_fake(outbox)
    await fake.send(message())
    outbox.unlink()
    await fake.send(message())

    assert len(outbox.read_text("utf-8").splitlines()) == 1


async def test_the_folder_of_an_outbox_is_made_when_it_is_missing(tmp_path):
    outbox = tmp_path / "new" / "outbox"

    assert await open_fake(outbox).send(message()) == Accepted()
    assert outbox.exists()


async def test_an_outbox_that_cannot_be_written_is_a_transient_failure(tmp_path):
    outcome = await open_fake(tmp_path).send(message())

    assert isinstance(outcome, TransientFailure)


@pytest.fixture
def room_for():
    """Let no file of this process grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("more", [0, 1, 40])
async def test_a_line_that_does_not_fit_is_not_begun_and_the_send_is_tried_again(
    outbox, room_for, more
):
    fake = open_fake(outbox)
    await fake.send(message())
    whole = outbox.read_bytes()
    room_for(len(whole) + more)

    refused = await fake.send(message())
    room_for(10_000_000)
    kept = outbox.read_bytes()
    accepted = await fake.send(message())

    assert isinstance(refused, TransientFailure)
    assert kept == whole
    assert accepted == Accepted()
    assert len([json.loads(line) for line in outbox.read_bytes().splitlines()]) == 2


async def test_what_a_writer_that_died_left_is_taken_back(outbox):
    fake = open_fake(outbox)
    await fake.send(message())
    with outbox.open("ab") as file:
        file.write(b'{"trace_id": "' + b"x" * 10_000)

    await fake.send(message())

    assert len([json.loads(line) for line in outbox.read_bytes().splitlines()]) == 2


async def test_without_an_outbox_it_accepts_all_the_same():
    assert await open_fake(None).send(message()) == Accepted()


async def test_one_with_a_script_of_its_own_fails_as_a_provider_does(outbox):
    fake = open_fake(outbox, "fake://broken?script=fail-permanent")
    outcome = await fake.send(message())

    assert fake.name == "fake-broken"
    assert isinstance(outcome, PermanentFailure)
    assert outcome.fault is FaultSide.PROVIDER


async def test_one_that_hangs_hangs(outbox):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await open_fake(outbox).send(message("hang@sim.example"))


async def test_one_that_crashes_takes_its_process_with_it():
    program = (
        "import asyncio\n"
        "from notification_providers.port import OutgoingMessage\n"
        "from notification_providers.fake.provider import FakeProvider\n"
        "message = OutgoingMessage(trace_id='t', channel='push', attempt=1, idempotency_key='t',"
        " address='sim-crash', message='m', subject=None)\n"
        "asyncio.run(FakeProvider().send(message))\n"
    )

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    assert await process.wait() == EXIT_CODE


async def test_neither_address_nor_text_gets_into_the_log(outbox, capsys):
    await open_fake(outbox).send(message(text="secret words"))

    said = capsys.readouterr().out
    assert "fake.accepted" in said
    assert "t-1" in said
    assert "secret words" not in said
    assert "ada@example.com" not in said


async def test_a_provider_that_throttles_does_so_until_the_time_it_asked_for_is_over():
    now = 0.0
    provider = FakeProvider(script="429-after-60s", monotonic=lambda: now)
    first = await provider.send(message())
    now = 20.0
    meanwhile = await provider.send(message(attempt=2))
    now = 60.0

    assert first.retry_after == timedelta(seconds=60)
    assert meanwhile.retry_after == timedelta(seconds=40)
    assert await provider.send(message()) == Accepted()
