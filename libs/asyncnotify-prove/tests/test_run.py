import asyncio

from asyncnotify_prove.backing import Backing
from asyncnotify_prove.harness import Harness
from asyncnotify_prove.load import Load
from asyncnotify_prove.run import Run, waits_for


def test_it_says_which_have_not_ended_and_how_long_it_waits_for_them():
    records = {"a": {"status": "sending"}, "b": {"status": "sending"}, "c": {"status": "queued"}}

    assert waits_for(["a", "b", "c", "d"], records, 41.6) == (
        "waiting for 4 to end (2 sending, 1 queued, 1 unknown), 42 s at most"
    )
    assert waits_for([], records, 41.6) == "all has settled"


async def test_it_is_never_silent_for_long(tmp_path):
    said = []
    run = Run(
        harness=Harness(tmp_path),
        load=Load("http://127.0.0.1:1", 12, seconds=1, seed=1),
        faults=[],
        backing=Backing(),
        say=said.append,
        say_every=0.01,
    )
    run.watch.current = "waiting for 4 to end"

    task = asyncio.create_task(run.say_how_far())
    async with asyncio.timeout(60):
        while len(said) < 3:
            await asyncio.sleep(0.01)
    task.cancel()
    await run.harness.stop()

    assert {line.strip() for line in said} == {"waiting for 4 to end; 0 of 12 accepted"}
