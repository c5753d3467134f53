"""What providers post: taken only when all of it is stored, and only if they signed it."""

import pytest
from notification_providers.memory import InMemoryReceiptReader
from notification_providers.port import Accepted
from notification_providers.urls import Limits
from testkit.http import live_server

PUBLIC = "https://notify.example.com/api"
PATH = "/receipts/post?account=1"
DELIVERED = b'[{"message_id":"m-1","status":"delivered"}]'
STOP = b'[{"channel":"email","address":"ada@example.com","kind":"opt_out","evidence":"STOP"}]'


@pytest.fixture
def reader():
    return InMemoryReceiptReader(name="post", answers=[Accepted(message_id="m-1")])


@pytest.fixture
def providers(reader):
    return {"email": [(reader, Limits())]}


def signed(reader, body, url=f"{PUBLIC}{PATH}"):
    return {"content": body, "headers": {"X-Signature": reader.sign(url, body)}}


async def test_a_receipt_moves_its_notification_on_however_often_it_comes(
    in_memory, providers, reader
):
    async with in_memory(providers=providers, PUBLIC_URL=f"{PUBLIC}/") as (send, http):
        trace_id = await send()
        await send.until(trace_id, "sent")
        answers = [await http.post(PATH, **signed(reader, DELIVERED)) for _ in range(2)]
        record = await send.until(trace_id, "delivered")
        metrics = (await http.get("/metrics")).text

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert [entry.status for entry in record.timeline].count("delivered") == 1
    assert 'dispatcher_receipts_total{kind="delivered",provider="post"} 2.0' in metrics


async def test_what_is_said_of_an_address_is_taken_once_the_user_service_has_it(
    in_memory, providers, reader, user_service
):
    user_service.is_down = True
    async with (
        live_server(user_service.app()) as url,
        in_memory(providers=providers, PUBLIC_URL=PUBLIC, USER_SERVICE_URL=url) as (_, http),
    ):
        refused = await http.post(PATH, **signed(reader, STOP))
        user_service.is_down = False
        taken = await http.post(PATH, **signed(reader, STOP))

    assert (refused.status_code, refused.json()["code"]) == (503, "receipt_not_stored")
    assert int(refused.headers["Retry-After"]) > 0
    assert taken.status_code == 204
    [report] = user_service.reports
    assert (report["kind"], report["address"]) == ("opt_out", "ada@example.com")
    assert (report["provider"], report["evidence"]) == ("post", "STOP")


@pytest.mark.parametrize(
    ("path", "request_of", "status", "code"),
    [
        (PATH, lambda reader: {"content": DELIVERED}, 401, "forged_receipt"),
        (
            PATH,
            lambda reader: signed(reader, DELIVERED, f"https://elsewhere.example{PATH}"),
            401,
            "forged_receipt",
        ),
        (PATH, lambda reader: signed(reader, b"x"), 422, "unreadable_receipt"),
        ("/receipts/nobody", lambda reader: {"content": DELIVERED}, 404, "provider_not_found"),
        ("/receipts/a%2Fb", lambda reader: {"content": b"\xff"}, 404, "provider_not_found"),
    ],
)
async def test_what_no_provider_of_ours_sent_is_refused(
    in_memory, providers, reader, path, request_of, status, code
):
    async with in_memory(providers=providers, PUBLIC_URL=PUBLIC) as (_, http):
        answer = await http.post(path, **request_of(reader))
        providers_seen = await http.get("/providers")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert providers_seen.json()["channels"][0]["providers"][0]["gives_receipts"]


async def test_without_a_public_url_the_address_that_was_called_counts(
    in_memory, providers, reader
):
    async with in_memory(providers=providers) as (_, http):
        called = str(http.base_url).rstrip("/") + PATH
        answer = await http.post(PATH, **signed(reader, DELIVERED, called))

    assert answer.status_code == 204
