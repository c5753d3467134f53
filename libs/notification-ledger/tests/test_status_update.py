import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.states import Reason, Status
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
    )
)
def test_any_words_make_a_note_that_scripts_can_read(note: StatusUpdate) -> None:
    encoded = note.encode()

    head, _, _ = encoded.partition(b"\n")
    assert head.count(b"\t") == 4
    assert b"\0" not in encoded
    assert StatusUpdate.decode(encoded) is not None
    assert encoded.decode("utf-8")
