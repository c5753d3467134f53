from datetime import datetime

from asyncnotify_prove.requests import KINDS, Kind, body_of, expiry, plan_requests

NOW = 1801393200.0


def test_the_same_seed_draws_the_same_requests():
    assert list(plan_requests(KINDS, 200, 7)) == list(plan_requests(KINDS, 200, 7))
    assert list(plan_requests(KINDS, 200, 7)) != list(plan_requests(KINDS, 200, 8))


def test_schedules_expiries_cancellations_and_repeats_are_there_in_earnest():
    drawn = list(plan_requests(KINDS, 1000, 1))

    for share in (
        [each for each in drawn if each.delay],
        [each for each in drawn if each.life],
        [each for each in drawn if each.cancel is not None],
        [each for each in drawn if each.repeats],
    ):
        assert len(share) > 80
    assert {each.priority for each in drawn} == {"low", "normal", "high"}


def test_times_count_from_when_it_is_first_sent():
    kind = Kind(user_id="u", delay=(2, 2), life=(3, 3), channel="sms")
    planned = next(plan_requests([kind], 1, 1))

    body = body_of(planned, NOW)

    assert datetime.fromisoformat(body["send_at"]).timestamp() == NOW + 2
    assert datetime.fromisoformat(body["expires_at"]).timestamp() == NOW + 5 == expiry(planned, NOW)
    assert (body["channel"], body["message"]) == ("sms", planned.key)


def test_what_may_be_withdrawn_or_expire_may_end_so():
    assert Kind(user_id="u").outcomes() == {"sent"}
    assert Kind(user_id="u", cancel=(0, 1)).outcomes() == {
        "sent",
        "cancelled",
        "cancelled:ambiguous",
    }
    assert "expired:ambiguous" in Kind(user_id="u", life=(1, 2)).outcomes()
