import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.events import MAX_TAGS, REFERENCE_MAX_CHARS, TAG_MAX_CHARS
from notification_contracts.states import Reason, Status
from notification_ledger.reading import Target
from notification_ledger.status_update import StatusUpdate

FULL = StatusUpdate(
    status=Status.RETRYING,
    reason=Reason.PROVIDER_UNAVAILABLE,
    detail='said "503 später"',
    channel="email",
    provider="smtp",
    attempt=2,
    attempts=3,
    duration_ms=231.25,
    user_id="Zoë / ü",
)


def test_first_line_is_for_the_scripts_and_the_rest_is_json() -> None:
    assert FULL.encode().decode() == (
        "retrying\tprovider_unavailable\temail\t3\tZoë / ü\n"
        '{"detail":"said \\"503 später\\"","provider":"smtp","attempt":2,"duration_ms":231.2}'
    )


def test_what_is_not_said_takes_no_room() -> None:
    assert StatusUpdate(status=Status.QUEUED).encode() == b"queued\t\t\t\t\n"


def test_a_note_is_read_back() -> None:
    assert StatusUpdate.decode(FULL.encode()) == StatusUpdate(
        status=Status.RETRYING,
        reason="provider_unavailable",
        detail='said "503 später"',
        channel="email",
        provider="smtp",
        attempt=2,
        attempts=3,
        duration_ms=231.2,
        user_id="Zoë / ü",
    )


SENT = StatusUpdate(
    status=Status.SENT,
    message_id="<0197@example.org>",
    targets=(
        Target(target="phone", outcome="accepted", provider="fcm", message_id="projects/x/1"),
        Target(target="#2", outcome="gone", provider="fcm", reason="unregistered", detail="404"),
    ),
    delivery_mode="redirected",
    tags=("orders", "team:a"),
    reference="order 7 / ж",
)


def test_what_a_provider_took_is_read_back() -> None:
    assert StatusUpdate.decode(SENT.encode()) == SENT


def test_the_longest_tags_and_reference_are_kept_whole() -> None:
    tags = tuple(f"{number}".ljust(TAG_MAX_CHARS, "t") for number in range(MAX_TAGS))
    longest = StatusUpdate(status=Status.QUEUED, tags=tags, reference="ж" * REFERENCE_MAX_CHARS)

    assert StatusUpdate.decode(longest.encode()) == longest


def test_of_many_targets_the_first_twenty_are_told_in_short() -> None:
    many = tuple(Target(target=f"#{n}", outcome="gone", detail="d" * 999) for n in range(30))

    note = StatusUpdate.decode(StatusUpdate(status=Status.FAILED, targets=many).encode())

    assert note is not None
    assert [(each.target, len(each.detail or "")) for each in note.targets or ()] == [
        (f"#{n}", 100) for n in range(20)
    ]


@pytest.mark.parametrize(
    "said", ['"targets":null', '"targets":"x"', '"targets":[1,{"target":2}]', '"tags":{"a":1}']
)
def test_targets_and_tags_of_another_shape_are_passed_over(said: str) -> None:
    note = StatusUpdate.decode(f"sent\t\t\t\t\n{{{said}}}".encode())

    assert note is not None
    assert not note.tags
    assert all(each == Target(target="", outcome="") for each in note.targets or ())


@pytest.mark.parametrize("note", [b"", b"\n", b"queued", b"queued\t\t\t\n", b"asleep\t\t\t\t\n"])
def test_other_bytes_are_no_note(note: bytes) -> None:
    assert StatusUpdate.decode(note) is None


def test_unknown_fields_of_a_later_release_are_ignored() -> None:
    note = StatusUpdate.decode(b'sent\t\t\t\t\n{"provider":"smtp","region":"eu"}')

    assert note == StatusUpdate(status=Status.SENT, provider="smtp")


def test_long_words_are_cut() -> None:
    note = StatusUpdate.decode(
        StatusUpdate(status=Status.FAILED, reason="r" * 99, detail="d" * 999).encode()
    )

    assert note is not None
    assert (len(note.reason or ""), len(note.detail or "")) == (64, 300)


def test_a_reason_becomes_a_code() -> None:
    note = StatusUpdate.decode(StatusUpdate(status=Status.FAILED, reason='no "way"\n').encode())

    assert note == StatusUpdate(status=Status.FAILED, reason="no__way__")


@given(
    st.builds(
        StatusUpdate,
        status=st.sampled_from(Status),
        reason=st.none() | st.text(),
        detail=st.none() | st.text(),
        channel=st.none() | st.text(),
        provider=st.none() | st.text(),
        user_id=st.none() | st.text(),
        message_id=st.none() | st.text(),
        targets=st.none() | st.lists(st.builds(Target)).map(tuple),
        tags=st.none() | st.lists(st.text()).map(tuple),
        reference=st.none() | st.text(),
    )
)
def test_any_words_make_a_note_that_scripts_can_read(note: StatusUpdate) -> None:
    encoded = note.encode()

    head, _, _ = encoded.partition(b"\n")
    assert head.count(b"\t") == 4
    assert b"\0" not in encoded
    assert StatusUpdate.decode(encoded) is not None
    assert encoded.decode("utf-8")


OF_THE_FIRST_RELEASE = {
    b"queued\t\t\t\tuser_test\n": StatusUpdate(status=Status.QUEUED, user_id="user_test"),
    b"validated\t\temail\t\tuser_test\n": StatusUpdate(
        status=Status.VALIDATED, channel="email", user_id="user_test"
    ),
    b'sending\t\temail\t1\tuser_test\n{"provider":"smtp","attempt":1}': StatusUpdate(
        status=Status.SENDING,
        channel="email",
        provider="smtp",
        attempt=1,
        attempts=1,
        user_id="user_test",
    ),
    b'failed\tno_address\tsms\t\tu\n{"detail":"no number"}': StatusUpdate(
        status=Status.FAILED, reason="no_address", channel="sms", detail="no number", user_id="u"
    ),
}
"""Golden samples: notes as they are in queues and records today, and what they say."""


@pytest.mark.parametrize(("note", "update"), OF_THE_FIRST_RELEASE.items())
def test_what_the_first_release_wrote_is_read(note: bytes, update: StatusUpdate) -> None:
    assert StatusUpdate.decode(note) == update


@pytest.mark.parametrize("update", [FULL, *OF_THE_FIRST_RELEASE.values()])
def test_the_first_release_reads_what_is_written(update: StatusUpdate) -> None:
    read = decode_as_the_first_release(update.encode())

    assert read is not None
    said = {name: value for name, value in asdict(update).items() if value is not None}
    assert read.keys() == said.keys()
    assert read | {"duration_ms": ...} == said | {"duration_ms": ...}


def test_the_first_release_passes_over_what_a_later_one_adds() -> None:
    note = later(StatusUpdate(status=Status.SENT, provider="smtp"), region="eu")

    assert decode_as_the_first_release(note) == {"status": "sent", "provider": "smtp"}
    assert decode_as_the_first_release(SENT.encode()) == {"status": "sent"}


def test_a_longer_first_line_of_a_later_release_is_read() -> None:
    update = StatusUpdate.decode(b'sent\t\temail\t2\tu\tnew\n{"provider":"smtp"}')

    assert update == StatusUpdate(
        status=Status.SENT, channel="email", attempts=2, user_id="u", provider="smtp"
    )


def later(update: StatusUpdate, **fields: object) -> bytes:
    """Encode an update as a release would that has more fields."""
    head, _, rest = update.encode().decode().partition("\n")
    return f"{head}\n{json.dumps(json.loads(rest or '{}') | fields)}".encode()


def decode_as_the_first_release(note: bytes) -> dict[str, Any] | None:
    """Read a note as the first release does; this is its code, and is not to be changed."""
    head, _, rest = note.decode("utf-8", "replace").partition("\n")
    columns = head.split("\t")
    if len(columns) != 5 or columns[0] not in set(map(str, Status)):
        return None
    status, reason, channel, attempts, user_id = columns
    known = ("detail", "provider", "attempt", "duration_ms")
    extra = json.loads(rest) if rest else {}
    found = {
        "status": status,
        "reason": reason or None,
        "channel": channel or None,
        "attempts": int(attempts) if attempts else None,
        "user_id": user_id or None,
        **{name: extra[name] for name in known if name in extra},
    }
    return {name: value for name, value in found.items() if value is not None}
