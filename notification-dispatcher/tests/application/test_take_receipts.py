from dataclasses import dataclass, field

import pytest
from notification_contracts.states import Reason, Status
from notification_dispatcher.application.ports import HealthReportsUnavailable, UnknownProvider
from notification_dispatcher.application.provider_states import NamedProvider
from notification_dispatcher.application.take_receipts import TakeReceipts
from notification_ledger.reading import LedgerUnavailable
from notification_ledger.status_update import StatusUpdate
from notification_providers.memory import InMemoryProvider, InMemoryReceiptReader
from notification_providers.port import ForgedReceipt, ReceiptRequest, UnreadableReceipt

URL = "https://notify.example.com/receipts/post"
DELIVERED = b'[{"message_id":"m-1","status":"delivered"}]'
GONE = b'[{"channel":"sms","address":"+12025550101","kind":"opt_out","evidence":"STOP"}]'


@dataclass
class Stores:
    """Both stores: what they were told, and whether they are there."""

    receipts: list[tuple[str, str, StatusUpdate]] = field(default_factory=list)
    reports: list[tuple[str, str, str]] = field(default_factory=list)
    known: frozenset[str] = frozenset({"m-1", "m-2"})
    posts: list[str] = field(default_factory=list)
    is_down: bool = False

    async def report_receipt(self, provider, message_id, update):
        if self.is_down:
            raise LedgerUnavailable("down")
        self.receipts.append((provider, message_id, update))
        return message_id in self.known

    async def report(self, reports, *, provider, trace_id):
        if self.is_down:
            raise HealthReportsUnavailable("down")
        self.posts.append(trace_id)
        self.reports += [(provider, each.kind.value, each.address) for each in reports]


@pytest.fixture
def stores():
    return Stores()


@pytest.fixture
def first():
    return InMemoryReceiptReader(name="post", key="first")


@pytest.fixture
def second():
    return InMemoryReceiptReader(name="post", key="second")


@pytest.fixture
def take(stores, first, second):
    providers = [
        NamedProvider(channel="sms", name="post", provider=first),
        NamedProvider(channel="sms", name="post-2", provider=second),
        NamedProvider(channel="push", name="mute", provider=InMemoryProvider(name="mute")),
    ]
    return TakeReceipts(providers=providers, ledger=stores, addresses=stores)


def posted(by, body):
    return ReceiptRequest(url=URL, headers={"x-signature": by.sign(URL, body)}, body=body)


async def test_what_became_of_a_message_goes_to_the_ledger(take, stores, first):
    failed = b'[{"message_id":"m-2","status":"failed","detail":"30003"}]'
    await take("post", posted(first, DELIVERED))
    await take("post", posted(first, failed))

    [(provider, message_id, update), (_, _, failure)] = stores.receipts
    assert (provider, message_id, update.status) == ("post", "m-1", Status.DELIVERED)
    assert (update.channel, update.provider) == ("sms", "post")
    assert (failure.status, failure.reason) == (Status.FAILED, Reason.PROVIDER_REJECTED)
    assert failure.detail == "30003"


async def test_that_it_is_under_way_is_no_news(take, stores, first):
    body = b'[{"message_id":"m-1","status":"underway"}]'
    taken = await take("post", posted(first, body))

    assert len(taken.items) == 1
    assert stores.receipts == []


async def test_a_receipt_of_a_message_that_no_record_knows_yet_is_counted_as_parked(take, first):
    body = b'[{"message_id":"m-1","status":"delivered"},{"message_id":"m-9","status":"delivered"}]'

    assert (await take("post", posted(first, body))).parked == 1


async def test_what_was_learnt_of_an_address_goes_to_the_user_service(take, stores, first):
    await take("post", posted(first, GONE))

    assert stores.reports == [("post", "opt_out", "+12025550101")]


async def test_the_same_post_again_is_told_as_the_same(take, stores, first):
    for body in (GONE, GONE, GONE.replace(b"STOP", b"END")):
        await take("post", posted(first, body))

    assert len(stores.posts) == 3
    assert len(set(stores.posts)) == 2


async def test_of_two_accounts_at_one_address_the_signature_says_whose_it_is(take, stores, second):
    await take("post", posted(second, DELIVERED))
    await take("post-2", posted(second, DELIVERED))

    assert [provider for provider, _, _ in stores.receipts] == ["post-2", "post-2"]


async def test_a_forged_one_changes_nothing(take, stores):
    stranger = InMemoryReceiptReader(key="stranger")

    with pytest.raises(ForgedReceipt):
        await take("post", posted(stranger, DELIVERED))
    assert stores.receipts == []


@pytest.mark.parametrize("body", [b"{}x", b'[{"message_id":"","status":"delivered"}]'])
async def test_one_that_cannot_be_understood_is_said_to_be(take, stores, first, body):
    with pytest.raises(UnreadableReceipt):
        await take("post", posted(first, body))
    assert stores.receipts == []


@pytest.mark.parametrize("name", ["mute", "nobody", ""])
async def test_who_gives_no_receipts_is_unknown(take, first, name):
    with pytest.raises(UnknownProvider):
        await take(name, posted(first, DELIVERED))


@pytest.mark.parametrize("body", [DELIVERED, GONE])
async def test_what_could_not_be_stored_is_not_taken(take, stores, first, body):
    stores.is_down = True

    with pytest.raises((LedgerUnavailable, HealthReportsUnavailable)):
        await take("post", posted(first, body))
