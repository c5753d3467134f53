"""The guard against becoming slower notices it, and forgives what happened once."""

import importlib

import pytest

KEPT = {"accept": 1.0, "dispatch": 5.0}
AS_NOTED = {"accept": 1.0, "dispatch": 5.0}
A_BIT_SLOWER = {"accept": 1.4, "dispatch": 7.4}
TOO_SLOW = {"accept": 1.0, "dispatch": 7.6}
SPOILT = {"accept": 1.6, "dispatch": 5.0}


@pytest.fixture
def guard(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    return importlib.import_module("guard")


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([AS_NOTED], 0),
        ([A_BIT_SLOWER], 0),
        ([TOO_SLOW, A_BIT_SLOWER], 0),
        ([TOO_SLOW, SPOILT], 0),
        ([TOO_SLOW, TOO_SLOW, A_BIT_SLOWER], 0),
        ([TOO_SLOW, TOO_SLOW, TOO_SLOW], 1),
    ],
    ids=["as noted", "a bit slower", "once", "each once", "twice", "thrice"],
)
def test_only_what_is_too_slow_in_every_run_fails(guard, runs, code):
    left = list(runs)

    assert guard.judge(lambda: left.pop(0), KEPT) == code
    assert not left


def test_the_guard_says_its_bound_and_what_is_above_it(guard, capsys):
    guard.judge(lambda: TOO_SLOW, KEPT)

    printed = capsys.readouterr()
    assert "dispatch: 7.60, noted 5.00, fails above 7.50" in printed.out
    assert "guard.json: dispatch" in printed.err


def test_one_spoilt_round_does_not_count(guard):
    costs = {
        "product accepts": [100.0, 900.0, 110.0],
        "minimal stack accepts": [100.0, 100.0, 100.0],
        "product dispatches": [500.0, 510.0, 2000.0],
        "minimal worker dispatches": [100.0, 102.0, 100.0],
    }

    assert guard.ratios_of(costs) == pytest.approx({"accept": 1.1, "dispatch": 5.1})
