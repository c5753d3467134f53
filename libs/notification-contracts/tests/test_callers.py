import pytest
from notification_contracts.http.callers import Caller, caller_of


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ([], Caller()),
        ([(b"x-key-kind", b"live")], Caller()),
        ([(b"x-key-id", b"k1"), (b"x-key-kind", b"live")], Caller(key_id="k1")),
        ([(b"x-key-id", b"k1"), (b"x-key-kind", b"test")], Caller(key_id="k1", is_test=True)),
        ([(b"x-key-kind", b"test")], Caller(is_test=True)),
        ([(b"x-key-kind", b"test"), (b"x-key-kind", b"live")], Caller(is_test=True)),
        ([(b"x-key-kind", b"live"), (b"x-key-kind", b"test")], Caller(is_test=True)),
        ([(b"x-key-kind", b"live, test")], Caller(is_test=True)),
        ([(b"x-key-kind", b"Live")], Caller(is_test=True)),
        ([(b"x-key-kind", b"")], Caller(is_test=True)),
        ([(b"x-key-id", b"")], Caller()),
        ([(b"other", b"test")], Caller()),
    ],
)
def test_whatever_is_not_plainly_live_is_a_test(
    headers: list[tuple[bytes, bytes]], caller: Caller
) -> None:
    assert caller_of(headers) == caller


def test_callers_do_not_meet_under_the_same_idempotency_key() -> None:
    callers = [
        *(Caller(key_id=key_id) for key_id in (None, "k1", "k2", "live", "test", "k1 live")),
        *(Caller(key_id=key_id, is_test=True) for key_id in (None, "k1", "k2", "live", "k1 live")),
    ]

    own = [caller.own(key) for caller in callers for key in ("order-1", "live", "test", "k1")]

    assert len(set(own)) == len(own)


def test_without_api_keys_an_idempotency_key_is_kept_as_it_was_ever() -> None:
    assert Caller().own("order-1") == "order-1"
