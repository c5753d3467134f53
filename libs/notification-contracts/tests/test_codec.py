"""Events as bytes. `samples/valid` holds every form that was ever valid, and must be for ever."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.codec import UndecodableEvent, UnsupportedVersion, decode, encode
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Priority
from pydantic import BaseModel

SAMPLES = Path(__file__).parent / "samples"
VALID = sorted(path.name for path in (SAMPLES / "valid").iterdir())
INVALID = sorted(path.name for path in (SAMPLES / "invalid").iterdir())
LATER = sorted(path.name for path in (SAMPLES / "later").iterdir())

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
times = st.none() | st.datetimes(timezones=st.just(UTC))
events = st.builds(
    NotificationRequested,
    trace_id=st.none() | words,
    user_id=words,
    message=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    channel=st.none() | words,
    subject=st.none() | words,
    priority=st.sampled_from(Priority),
    send_at=times,
    requested_at=times,
    request_id=st.none() | words,
    html=st.none() | words,
    data=st.none() | st.dictionaries(words, st.none() | st.booleans() | st.integers() | words),
    tags=st.none()
    | st.lists(
        st.from_regex(r"[A-Za-z0-9_.:-]{1,64}", fullmatch=True),
        unique=True,
        min_size=1,
        max_size=10,
    ).map(tuple),
    reference=st.none() | words,
)


@pytest.mark.parametrize("name", VALID)
def test_a_form_that_was_valid_once_is_read_for_ever(samples: Path, name: str) -> None:
    event = decode((samples / "valid" / name).read_bytes())

    expected = json.loads((samples / "decoded" / name).read_text("utf-8"))
    assert expected.items() <= event.model_dump(mode="json").items()


@pytest.mark.parametrize("name", VALID)
def test_what_was_read_is_written_so_that_it_reads_the_same(samples: Path, name: str) -> None:
    event = decode((samples / "valid" / name).read_bytes())

    assert decode(encode(event)) == event


def test_a_test_is_written_so_that_a_release_without_tests_leaves_it_alone() -> None:
    # Whoever reads version 1 alone passes over `is_test`, and would send it to a provider.
    event = NotificationRequested(user_id="ada", message="hello", is_test=True)

    written = json.loads(encode(event))

    assert (written["version"], written["is_test"]) == (2, True)
    assert decode(encode(event)).is_test


@pytest.mark.parametrize("version", ["", ',"version":1', ',"version":2'])
def test_a_test_that_is_pushed_by_hand_is_one_in_either_version(version: str) -> None:
    event = decode(f'{{"user_id":"a","message":"b","is_test":true{version}}}'.encode())

    assert event.is_test


def test_what_is_no_test_is_written_as_ever() -> None:
    written = json.loads(encode(NotificationRequested(user_id="ada", message="hello")))

    assert (written["version"], "is_test" in written) == (1, False)


@pytest.mark.parametrize("said", ["", ',"is_test":false', ',"is_test":null'])
def test_the_version_of_tests_is_for_tests_alone(said: str) -> None:
    with pytest.raises(UnsupportedVersion):
        decode(f'{{"version":2,"user_id":"a","message":"b"{said}}}'.encode())


class EventOfTheFirstRelease(BaseModel):
    """What the first release reads; it is not to be changed."""

    user_id: str
    message: str
    channel: str | None = None
    subject: str | None = None
    priority: Priority = Priority.NORMAL
    send_at: datetime | None = None
    expires_at: datetime | None = None
    trace_id: str | None = None


@given(events)
def test_the_first_release_passes_over_what_came_later(event: NotificationRequested) -> None:
    read = EventOfTheFirstRelease.model_validate_json(encode(event))

    assert read.model_dump().items() <= event.model_dump().items()


@given(events)
def test_an_event_survives_the_wire(event: NotificationRequested) -> None:
    assert decode(encode(event)) == event


def test_fields_that_are_not_set_take_no_room() -> None:
    event = NotificationRequested(user_id="u", message="m")

    assert json.loads(encode(event)) == {
        "type": "notification.requested",
        "version": 1,
        "user_id": "u",
        "message": "m",
        "priority": "normal",
    }


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_event_is_refused_by_its_field(samples: Path, name: str) -> None:
    body = (samples / "invalid" / name).read_bytes()
    field = "" if name == "expires_at-before-send_at.json" else name.partition("-")[0]

    with pytest.raises(UndecodableEvent, match=rf"^/{field}: [^;]*$"):
        decode(body)


def test_all_bad_fields_are_named_at_once() -> None:
    with pytest.raises(UndecodableEvent, match=r"/user_id: .*; /message: .*; /priority: "):
        decode(b'{"user_id":1,"message":2,"priority":3}')


def test_a_refusal_does_not_repeat_what_it_refuses() -> None:
    with pytest.raises(UndecodableEvent) as refusal:
        decode(b'{"user_id":"secret\\u0000","message":["secret"],"channel":{"secret":1}}')

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b'{"user_id":"u","message":"m"',
        b'{"user_id":"u","message":"\xff"}',
        b'{"user_id":"u","message":"\\ud800"}',
        b"[1,2,3]",
        b'"text"',
        b"null",
        b"9007199254740993",
        b"\x00\x01",
        b'{"a":' * 5_000,
        '{"user_id":"u","message":"m"}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    with pytest.raises(UndecodableEvent):
        decode(body)


@given(st.binary() | st.sampled_from([b'{"user_id": "u", "message": "m"}']))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    # Hypothesis mixes in constants of the code under test, of which some are events.
    with contextlib.suppress(UndecodableEvent, UnsupportedVersion):
        assert decode(encode(decode(body))) == decode(body)


@pytest.mark.parametrize("name", LATER)
def test_a_later_version_is_told_from_garbage(samples: Path, name: str) -> None:
    with pytest.raises(UnsupportedVersion, match=r"^version \d is later than 1$"):
        decode((samples / "later" / name).read_bytes())


@pytest.mark.parametrize("version", ["null", '"later"', "[]", "1e400", "-5"])
def test_a_version_that_is_none_is_a_bad_field(version: str) -> None:
    body = f'{{"version":{version},"user_id":"u","message":"m"}}'.encode()

    with pytest.raises(UndecodableEvent, match=r"^/version: "):
        decode(body)


def test_times_are_read_in_utc() -> None:
    event = decode(b'{"user_id":"u","message":"m","send_at":"2027-01-31T09:00:00+05:30"}')

    assert event.send_at == datetime(2027, 1, 31, 3, 30, tzinfo=UTC)
    assert event.send_at.tzinfo is UTC
