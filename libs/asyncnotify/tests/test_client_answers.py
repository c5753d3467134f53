import httpx
import pytest
from asyncnotify import AsyncNotify, BadSetup, Refused, UnexpectedAnswer

PAGE = "<html><title>Welcome to nginx!</title></html>"


def client_that_gets(response, **options):
    transport = httpx.MockTransport(lambda _: response)
    return AsyncNotify("http://door", retry_seconds=0, transport=transport, **options)


CALLS = {
    "send": lambda client: client.send("ada", "hi"),
    "status": lambda client: client.status("t"),
    "notifications": lambda client: client.notifications(),
    "cancel": lambda client: client.cancel("t"),
    "dead_letters": lambda client: client.dead_letters(),
    "replay": lambda client: client.replay("t"),
    "replay_many": lambda client: client.replay_many(reason="poison"),
    "delete_dead_letter": lambda client: client.delete_dead_letter("t"),
    "put_user": lambda client: client.put_user("ada", {}),
    "changes": lambda client: anext(client.changes("t")),
}
ODD = {
    "redirect": httpx.Response(307, headers={"Location": "https://door/notifications"}),
    "page": httpx.Response(200, html=PAGE),
    "page of an error": httpx.Response(502, html=PAGE),
    "nothing": httpx.Response(200),
    "a list": httpx.Response(200, json=[1, 2]),
    "another object": httpx.Response(200, json={"hello": "world"}),
    "broken JSON": httpx.Response(200, content=b"{", headers={"Content-Type": "application/json"}),
    "no problem document": httpx.Response(404, json={"message": "no Route matched"}),
    "deep JSON": httpx.Response(200, content=b"[" * 100_000),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_an_answer_that_is_not_the_apis_is_an_error_of_its_own_type(call, answer):
    async with client_that_gets(answer) as notify:
        with pytest.raises(UnexpectedAnswer) as unexpected:
            await call(notify)

    assert unexpected.value.status == answer.status_code


async def test_a_redirect_says_where_to():
    redirect = httpx.Response(301, headers={"Location": "https://door/"})
    async with client_that_gets(redirect) as notify:
        with pytest.raises(UnexpectedAnswer, match=r"301.*redirect to https://door/"):
            await notify.send("ada", "hi")


async def test_what_can_not_be_decoded_is_an_error_of_the_same_type():
    headers = {"Content-Encoding": "gzip"}

    async def garbled():
        yield b"not gzip at all"

    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, content=garbled(), headers=headers)
    )
    async with AsyncNotify("http://door", retry_seconds=0, transport=transport) as notify:
        with pytest.raises(UnexpectedAnswer, match="can't be decoded"):
            await notify.status("t")


async def test_a_problem_document_with_odd_fields_is_still_a_refusal():
    problem = {"code": "invalid_request", "detail": 7, "errors": ["odd", {"pointer": "/message"}]}
    async with client_that_gets(httpx.Response(422, json=problem)) as notify:
        with pytest.raises(Refused, match="7") as refused:
            await notify.send("ada", "hi")

    assert refused.value.errors == [{"pointer": "/message", "code": "", "message": ""}]


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://door", "http://", "http://[::1", ""])
def test_a_url_that_leads_nowhere_is_said_at_once(url):
    with pytest.raises(BadSetup):
        AsyncNotify(url)
