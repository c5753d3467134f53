import asyncio

import pytest
from asyncnotify.local.ports import free_port
from asyncnotify_prove.readiness import EVERY_SECONDS, Probe, ReadinessLog


def readiness(*moments):
    taken = ReadinessLog()
    for at, is_ready in moments:
        taken.note(at, is_ready=is_ready)
    return taken


def test_each_good_answer_is_worth_half_a_second_however_long_it_took():
    taken = readiness((0, True), (0.5, True), (1, False), (1.5, True), (11.5, True))

    assert taken.ready_seconds(0, 1.5) == pytest.approx(1)
    assert taken.ready_seconds(1.5, 11.5) == pytest.approx(EVERY_SECONDS)
    assert taken.ready_seconds(0.25, 0.5) == pytest.approx(0.25)
    assert taken.ready_seconds(20, 30) == 0


def test_stretches_of_trouble_are_reported_as_a_whole():
    taken = ReadinessLog()
    for at in range(6):
        taken.note(at, is_ready=False, is_stuck=at in {1, 2, 4})
    taken.note(12, is_ready=True)

    assert taken.troubles(0, 4, at_least=1.5) == [(0, 2)]
    assert taken.troubles(0, 8, at_least=2) == [(0, 2), (5, 12)]
    assert taken.troubles(2.5, 2.9, at_least=1.5) == []


async def test_a_service_that_does_not_answer_is_not_well():
    taken, nobody = ReadinessLog(), Probe(f"http://127.0.0.1:{free_port()}", 1)
    task = asyncio.create_task(taken.take(lambda: [nobody]))
    async with asyncio.timeout(60):
        while len(taken.at) < 2:
            await asyncio.sleep(0.05)
    task.cancel()

    assert not any(taken.is_ready)
