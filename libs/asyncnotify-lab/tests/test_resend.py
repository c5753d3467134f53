"""https://resend.com/docs/dashboard/emails/idempotency-keys"""

import asyncio

import httpx
import pytest

MAIL = {"from": "shop@example.com", "to": ["ann@example.org"], "subject": "hi", "text": "hello"}


def post(http, key=None, api_key="re_1", **changes):
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    headers |= {"idempotency-key": key} if key else {}
    return http.post("/emails", json=MAIL | changes, headers=headers)


async def test_an_email_arrives(lab, http):
    answer = await post(http)

    [message] = await lab.arrived(wire="resend", to="ann@example.org")
    assert (answer.status_code, answer.json()) == (200, {"id": message.id})
    assert (message.kind, message.subject, message.text) == ("email", "hi", "hello")


async def test_the_same_key_and_body_get_the_first_answer(lab, http):
    first, second = await post(http, "k"), await post(http, "k")

    assert second.json() == first.json()
    assert len(lab.messages.find()) == 1


async def test_the_same_key_and_another_body_are_refused(lab, http):
    await post(http, "k")

    other = await post(http, "k", subject="other")

    assert (other.status_code, other.json()["name"]) == (409, "invalid_idempotent_request")
    assert len(lab.messages.find()) == 1


async def test_a_key_is_known_though_the_first_answer_was_lost(lab, http):
    lab.fault(wire="resend", phase="taken", answer="hang_up", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await post(http, "k")

    answer = await post(http, "k")

    assert answer.json() == {"id": lab.messages.find()[0].id}
    assert len(lab.messages.find()) == 1


async def test_a_key_that_is_under_way_is_refused(lab, http):
    lab.fault(wire="resend", delay_seconds=600, times=1)
    first = asyncio.create_task(post(http, "k"))
    while not lab.faults.listed()[0].is_over:
        await asyncio.sleep(0.01)

    second = await post(http, "k")
    first.cancel()

    assert (second.status_code, second.json()["name"]) == (409, "concurrent_idempotent_requests")


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("nonsense", 403)])
async def test_an_api_key_is_needed(http, key, status):
    assert (await post(http, api_key=key)).status_code == status


@pytest.mark.parametrize("field", ["from", "to", "subject", "text"])
async def test_what_is_missing_is_named(http, field):
    answer = await post(http, **{field: ""})

    assert answer.status_code == 422
    assert f"`{field}`" in answer.json()["message"]


async def test_it_can_be_asked_what_became_of_an_email(http):
    sent = (await post(http)).json()["id"]
    headers = {"authorization": "Bearer re_1"}

    found = await http.get(f"/emails/{sent}", headers=headers)
    unknown = await http.get("/emails/nope", headers=headers)

    assert found.json()["last_event"] == "delivered"
    assert unknown.status_code == 404


async def test_it_throttles(http, lab):
    lab.fault(wire="resend", answer="throttled", retry_after=7, times=1)

    answer = await post(http)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert (await post(http)).status_code == 200
