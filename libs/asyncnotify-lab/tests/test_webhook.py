from datetime import UTC, datetime

from asyncnotify_lab.wires.webhook import SECRET
from standardwebhooks.webhooks import Webhook

BODY = '{"type":"notification","data":{"subject":"Thanks","message":"done"}}'


def signed(secret=SECRET, text=BODY):
    now = datetime.now(UTC)
    return {
        "webhook-id": "k-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("k-1", now, text),
    }


async def test_a_signed_one_arrives(lab, http):
    answer = await http.post("/webhook/ada", content=BODY, headers=signed())

    [message] = await lab.arrived(wire="webhook", to="/webhook/ada")
    assert answer.status_code == 204
    assert (message.kind, message.subject, message.text) == ("webhook", "Thanks", "done")
    assert message.data["signature"] == "valid"
    assert message.headers["webhook-id"] == "k-1"


async def test_a_wrong_signature_is_refused(lab, http):
    headers = signed("whsec_" + "QUFB" * 8)

    answer = await http.post("/webhook/ada", content=BODY, headers=headers)

    assert answer.status_code == 401
    assert lab.messages.find() == []


async def test_a_signature_that_is_none_is_refused(lab, http):
    headers = signed() | {"webhook-signature": "nonsense"}

    assert (await http.post("/webhook/ada", content=BODY, headers=headers)).status_code == 401


async def test_one_that_is_not_signed_arrives_as_such(lab, http):
    await http.post("/webhook/ada", content="[1]")

    [message] = lab.messages.find()
    assert (message.data["signature"], message.text) == ("missing", None)


async def test_a_receiver_that_is_gone_says_so(lab, http):
    lab.fault(wire="webhook", to="/webhook/ada", answer="gone")

    assert (await http.post("/webhook/ada", content=BODY)).status_code == 410
    assert (await http.post("/webhook/ben", content=BODY)).status_code == 204
