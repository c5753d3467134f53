import asyncio

import httpx
import pytest
from aiohttp import web
from asyncnotify_lab.faults import Faults, Weakness, WireFault
from asyncnotify_lab.http import HttpWire
from asyncnotify_lab.messages import Arrival
from asyncnotify_lab.receipts import Callback, Mishap, Receipts

MESSAGE = Arrival(wire="pager", kind="sms", to="+12025550101", id="m-1")


class PagerWire(HttpWire):
    name, kind, has_receipts = "pager", "sms", True

    def routes(self):
        return []


@pytest.fixture
def faults():
    return Faults({"pager": PagerWire.weakness(), "mute": Weakness(("received",))})


@pytest.fixture
async def receipts(faults):
    receipts = Receipts(faults)
    yield receipts
    await receipts.close()


@pytest.fixture
async def listener():
    """Somebody who is called back: the URL, and what came."""
    came = asyncio.Queue()

    async def handle(request):
        came.put_nowait((request.headers["signature"], await request.json()))
        return web.Response(status=204 if request.headers["signature"] == "good" else 401)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/receipts", came
    await runner.cleanup()


def maker(url):
    def make(changes, is_forged):
        says = httpx.Request("POST", url, json={"status": "delivered", **changes}).content
        return Callback(url=url, headers={"signature": "bad" if is_forged else "good"}, body=says)

    return make


async def posted(receipts, count):
    async with asyncio.timeout(60):
        while len(receipts.posted) < count:
            await asyncio.sleep(0.01)
    return [each.status for each in receipts.posted]


async def test_a_receipt_comes_after_the_answer(receipts, listener):
    url, came = listener

    await receipts.report(MESSAGE, maker(url))

    assert came.empty()
    assert await came.get() == ("good", {"status": "delivered"})
    assert await posted(receipts, 1) == [204]


async def test_an_early_one_comes_before_it(receipts, listener, faults):
    url, came = listener
    faults.add(WireFault(wire="pager", answer="early"))

    await receipts.report(MESSAGE, maker(url))

    assert came.get_nowait() == ("good", {"status": "delivered"})


async def test_one_is_doubled_and_says_something_else(receipts, listener, faults):
    url, came = listener
    faults.add(WireFault(wire="pager", answer="doubled", body={"status": "failed"}))

    await receipts.report(MESSAGE, maker(url))

    assert await posted(receipts, 2) == [204, 204]
    assert [came.get_nowait()[1] for _ in range(2)] == [{"status": "failed"}] * 2


async def test_a_forged_one_is_seen_to_be_refused(receipts, listener, faults):
    faults.add(WireFault(wire="pager", answer="forged", times=1))

    await receipts.report(MESSAGE, maker(listener[0]))
    await posted(receipts, 1)
    await receipts.report(MESSAGE, maker(listener[0]))

    assert await posted(receipts, 2) == [401, 204]


async def test_a_lost_one_never_comes_and_a_late_one_is_not_there_yet(receipts, listener, faults):
    faults.add(WireFault(wire="pager", answer="lost", times=1))
    faults.add(WireFault(wire="pager", phase="receipt", delay_seconds=600, times=1))

    for _ in range(3):
        await receipts.report(MESSAGE, maker(listener[0]))

    assert await posted(receipts, 1) == [204]


async def test_nothing_is_called_that_is_not_on_this_machine(receipts, faults):
    faults.add(WireFault(wire="pager", answer="early"))

    await receipts.report(MESSAGE, maker("https://example.com/receipts"))
    await receipts.report(MESSAGE, maker("http://127.0.0.1:1/receipts"))

    far, nobody = receipts.posted
    assert far.error == "it is not on this machine"
    assert "127.0.0.1" in nobody.error


def test_only_a_wire_with_receipts_can_have_mishaps(faults):
    assert {faults.add(WireFault(wire="pager", answer=each)).fault.phase for each in Mishap} == {
        "receipt"
    }
    with pytest.raises(ValueError, match="there is"):
        faults.add(WireFault(wire="mute", answer="lost"))
