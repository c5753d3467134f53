import httpx
import pytest
from gateway.application.ports import Answer, Call, UpstreamBroken, UpstreamDown
from gateway.application.relay import Relay
from gateway.infrastructure.memory import MemoryUpstream
from gateway.main import build
from gateway.settings import Settings

PROBLEM = {"content-type": "application/problem+json"}
CALL = Call(method="GET", path="/users/a")


def answering(status, content_type, body=b""):
    headers = {"content-type": content_type, "x-inside": "1", "location": "/x"}
    return MemoryUpstream(lambda _: Answer(status=status, headers=headers, body=body))


@pytest.mark.parametrize("status", [200, 202, 204, 400, 404, 409, 422, 499])
async def test_an_answer_passes_less_what_is_not_for_clients(status):
    answer = await Relay(upstream=answering(status, "text/x", b"b"))(CALL)

    assert answer == Answer(
        status=status, headers={"content-type": "text/x", "location": "/x"}, body=b"b"
    )


@pytest.mark.parametrize(
    "content_type", ["application/problem+json", "application/problem+json; a=b"]
)
async def test_a_problem_document_passes_whatever_its_status(content_type):
    answer = await Relay(upstream=answering(503, content_type, b"{}"))(CALL)

    assert (answer.status, answer.body) == (503, b"{}")


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_bare_server_error_does_not_pass(status):
    relay = Relay(upstream=answering(status, "text/html"))

    with pytest.raises(UpstreamBroken):
        await relay(CALL)
    with pytest.raises(UpstreamBroken):
        await relay.listen(CALL).__aenter__()


async def test_a_refusal_without_end_is_cut():
    relay = Relay(upstream=answering(404, "text/x", b"x" * 100_000))

    with pytest.raises(UpstreamBroken, match="too long"):
        await relay.listen(CALL).__aenter__()


async def test_a_stream_that_is_left_is_closed():
    upstream = MemoryUpstream(events=[b"one"], stays_open=True)

    async with Relay(upstream=upstream).listen(CALL) as stream:
        assert await anext(stream.chunks) == b"one"
        assert upstream.open_streams == 1

    assert upstream.open_streams == 0


async def test_errors_of_the_service_are_not_hidden():
    upstream = MemoryUpstream()
    upstream.is_down = True

    with pytest.raises(UpstreamDown):
        await Relay(upstream=upstream)(CALL)


@pytest.mark.parametrize(("is_repeat", "status"), [(True, 204), (False, 404)])
async def test_a_deletion_whose_first_answer_was_lost_is_done_though_nothing_is_found(
    is_repeat, status
):
    found = Answer(status=404, headers=PROBLEM, body=b"{}", is_repeat=is_repeat)
    relay = Relay(upstream=MemoryUpstream(lambda _: found))

    answer = await relay(Call(method="DELETE", path="/users/a"), removes=True)

    assert answer.status == status


@pytest.mark.parametrize(
    ("path", "status"), [("/users/a", 204), ("/notifications/a", 404), ("/dead-letters/a", 404)]
)
async def test_only_of_users_not_found_says_that_a_repeated_deletion_is_done(path, status):
    found = Answer(status=404, headers=PROBLEM, body=b"{}", is_repeat=True)
    upstream = MemoryUpstream(lambda _: found)
    app = build(Settings(), publisher=upstream, users=upstream)
    transport = httpx.ASGITransport(app=app)

    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.delete(path)).status_code == status


async def test_what_is_not_found_twice_is_not_found():
    found = Answer(status=404, headers=PROBLEM, body=b"{}", is_repeat=True)

    assert (await Relay(upstream=MemoryUpstream(lambda _: found))(CALL)).status == 404
