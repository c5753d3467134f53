import pytest
from asyncnotify_prove.faults import REDIS_FAILPOINTS, Fault, parse_faults, plan


def test_the_same_seed_makes_the_same_plan():
    assert plan(list(Fault), 60, seed=7) == plan(list(Fault), 60, seed=7)
    assert plan(list(Fault), 60, seed=7) != plan(list(Fault), 60, seed=8)


@pytest.mark.parametrize("seconds", [10, 60, 300])
def test_every_fault_happens_within_the_run(seconds):
    planned = plan(list(Fault), seconds, seed=1)

    assert {each.fault for each in planned} == set(Fault)
    assert all(0 < each.at_seconds < seconds for each in planned)
    assert planned == sorted(planned, key=lambda each: each.at_seconds)


def test_a_failpoint_says_where():
    planned = plan([Fault.FAILPOINT], 30, seed=1)

    assert {each.detail for each in planned} <= set(REDIS_FAILPOINTS)


def test_no_faults_make_an_empty_plan():
    assert plan([], 60, seed=1) == []


def test_a_name_that_is_no_fault_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"'kill-bill' is not a fault.*kill-gateway"):
        parse_faults("kill-gateway,kill-bill")
