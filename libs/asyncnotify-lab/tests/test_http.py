"""The lab's ports and its own calls, by both versions of HTTP."""

import asyncio

import httpx
import pytest
from asyncnotify_lab.lab import Lab
from notification_contracts.channels import CHANNELS
from notification_providers.registry import check_provider

MAIL = {"from": "a@example.com", "to": "ann@example.org", "subject": "hi", "text": "hello"}


@pytest.fixture(params=["http", "http2"])
def client(request):
    return request.getfixturevalue(request.param)


def post(client, **changes):
    return client.post("/emails", json=MAIL | changes, headers={"authorization": "Bearer re_1"})


async def test_https_speaks_both_versions(lab, http2, trust):
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=60) as http:
        assert (await http.get(f"{lab.https_url}/lab")).http_version == "HTTP/1.1"
    assert (await http2.get("/lab")).http_version == "HTTP/2"


async def test_it_says_where_it_listens(lab, client):
    about = (await client.get("/lab")).json()

    assert about["http_url"] == lab.http_url
    assert about["provider_urls"].keys() == set(CHANNELS)


async def test_the_dispatcher_understands_the_urls_of_its_providers(lab):
    for channel, urls in lab.provider_urls.items():
        for url in urls:
            check_provider(url, channel)


async def test_what_arrived_is_listed_and_forgotten(lab, client):
    await post(client)
    await post(client, to="bob@example.org")

    [found] = (await client.get("/lab/messages", params={"to": "bob@example.org"})).json()[
        "messages"
    ]
    raw = await client.get(f"/lab/messages/{found['id']}/raw")
    await client.delete("/lab/messages")

    assert (found["kind"], found["from"], found["text"]) == ("email", "a@example.com", "hello")
    assert raw.json()["to"] == "bob@example.org"
    assert (await client.get("/lab/messages")).json() == {"messages": []}


async def test_a_fault_happens_so_often_and_is_cleared(client):
    scripted = await client.post("/lab/faults", json={"wire": "resend", "status": 503, "times": 2})
    statuses = [(await post(client)).status_code for _ in range(3)]
    [listed] = (await client.get("/lab/faults")).json()["faults"]

    assert scripted.status_code == 201
    assert statuses == [503, 503, 200]
    assert (listed["happened"], listed["phase"]) == (2, "received")
    assert (await client.delete(f"/lab/faults/{listed['id']}")).status_code == 204
    assert (await client.delete(f"/lab/faults/{listed['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"wire": "pigeon"}, "/wire"),
        ({"wire": "smtp", "phase": "receipt"}, "/phase"),
        ({"wire": "resend", "phase": "ehlo"}, "/phase"),
        ({"wire": "smtp", "answer": "polite"}, "/answer"),
        ({"answer": "gone"}, "/answer"),
        ({"wire": "smtp", "status": 99}, "/status"),
        ({"wire": "smtp", "code": 550}, "/code"),
        ({"answer": "hang", "status": 500}, ""),
        ([], ""),
    ],
)
async def test_a_fault_that_cannot_be_is_refused(client, fault, pointer):
    answer = await client.post("/lab/faults", json=fault)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_an_unknown_filter_is_refused(client):
    answer = await client.get("/lab/messages", params={"form": "x"})

    assert answer.json()["errors"][0]["pointer"] == "/form"


async def test_unknown_paths_and_methods_are_refused(client):
    assert (await client.get("/nope")).status_code == 404
    refused = await client.put("/lab/messages")
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET")


@pytest.mark.parametrize("answer", ["hang_up", "reset", "go_away"])
async def test_a_request_is_broken_off(client, lab, answer):
    lab.fault(wire="resend", answer=answer, times=1)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(client)

    assert not lab.messages.find()
    assert (await post(client)).status_code == 200


async def test_on_http2_one_request_is_reset_and_the_others_go_on(http2, lab):
    lab.fault(wire="resend", to="bob@example.org", answer="reset")
    lab.fault(wire="resend", to="ann@example.org", delay_seconds=0.3)
    going_on = asyncio.create_task(post(http2))
    await asyncio.sleep(0.1)

    with pytest.raises(httpx.RemoteProtocolError):
        await post(http2, to="bob@example.org")

    assert (await going_on).status_code == 200


async def test_go_away_says_that_the_request_was_not_handled(http2, lab):
    lab.fault(wire="resend", answer="go_away", times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="last_stream_id:0"):
        await post(http2)


@pytest.mark.parametrize("answer", ["hang_up", None])
async def test_a_connection_is_refused_or_late(lab, http, answer):
    lab.fault(wire="http", phase="connect", delay_seconds=0.01, answer=answer, times=1)

    if answer:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await http.get("/lab")
    assert (await http.get("/lab")).status_code == 200
    assert lab.faults.listed()[0].is_over


async def test_a_large_answer_comes_whole(client, lab):
    await post(client, text="x" * 900_000)

    [found] = (await client.get("/lab/messages")).json()["messages"]

    assert len(found["text"]) == 900_000


async def test_what_arrived_and_who_is_trusted_outlive_a_restart(tmp_path):
    lab = Lab(tmp_path)
    await lab.start()
    ports, trusted = lab.ports, lab.ca_file.read_bytes()
    async with httpx.AsyncClient(base_url=lab.http_url, trust_env=False, timeout=60) as http:
        await post(http)
        await lab.stop()
        with pytest.raises(httpx.ConnectError):
            await http.get("/lab")
    with lab.messages.file.open("a") as file:
        file.write('{"half')

    again = Lab(tmp_path)
    await again.start(ports)
    await again.stop()

    assert [each.to for each in again.messages.find()] == ["ann@example.org"]
    assert again.ca_file.read_bytes() == trusted
    assert again.ports == ports
