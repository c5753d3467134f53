"""The states that are drawn are those of the code, and so are the moves between them."""

import re
from pathlib import Path

import pytest
from durable_queue.claims.store import State
from durable_queue.redis_list.scripts import lua_sources
from notification_contracts.states import Status
from notification_ledger.redis.scripts import lua
from notification_ledger.rules import OPEN, RULES, is_first, moves

Moves = list[tuple[str, str, list[str]]]
BEYOND = "[*]"
WAITING = {Status.QUEUED, Status.VALIDATED}


@pytest.fixture
def document(root: Path) -> str:
    return (root / "docs/state-machine.md").read_text()


@pytest.fixture
def drawn(document: str) -> list[Moves]:
    """The drawings: each move from a state to a state, and the words on its arrow."""
    return [
        [
            (before, after, words.split(", ") if words else [])
            for before, after, words in re.findall(
                r"^ +(\S+) --> ([^\s:]+)(?:: (.*))?$", drawing, re.MULTILINE
            )
        ]
        for drawing in re.findall(r"```mermaid\n(.*?)```", document, re.DOTALL)
    ]


def states_of(found: Moves) -> set[str]:
    return {state for before, after, _ in found for state in (before, after)} - {BEYOND}


def words_of(found: Moves) -> set[str]:
    return {word for _, _, words in found for word in words}


def test_every_status_and_every_change_is_drawn(drawn: list[Moves]) -> None:
    assert states_of(drawn[0]) == set(Status)
    assert words_of(drawn[0]) == set(RULES)


def test_a_change_does_what_the_drawing_says(drawn: list[Moves]) -> None:
    for before, after, changes in drawn[0]:
        for change in changes:
            rule, to = RULES[change], Status(after)
            assert to is rule.to or rule.heeds_update or (not rule.to and to in WAITING)
            assert is_first(change) if before == BEYOND else moves(change, Status(before), to)


def test_what_may_be_cancelled_or_expire_is_drawn(drawn: list[Moves]) -> None:
    for end in (Status.CANCELLED, Status.EXPIRED):
        assert {before for before, after, _ in drawn[0] if after == end} == OPEN - {Status.SENDING}


def test_the_scripts_beside_the_changes_are_there(document: str) -> None:
    rows = re.findall(r"^\| ([a-z_, ]+) \| (.*`.*) \|$", document, re.MULTILINE)

    assert {change for changes, _ in rows for change in changes.split(", ")} == set(RULES)
    scripts = {name for _, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert scripts <= lua_sources().keys() | {"write"}
    assert "local function write(" in lua("write")


def test_the_states_of_a_message_and_its_scripts_are_those_of_the_queue(drawn: list[Moves]) -> None:
    table = re.search(r"local STATES = {(.*?)}", lua_sources()["states"], re.DOTALL)

    assert table is not None
    assert states_of(drawn[1]) == set(re.findall(r"(\w+) = ", table[1]))
    assert words_of(drawn[1]) <= lua_sources().keys()


def test_the_states_of_a_claim_and_its_operations_are_those_of_both_stores(
    drawn: list[Moves],
) -> None:
    in_lua = set(re.findall(r"^function run\.(\w+)\(", lua("claims"), re.MULTILINE))

    assert states_of(drawn[2]) == set(State)
    assert words_of(drawn[2]) == in_lua - {
        "doubt",
        "explain",
        "recall",
        "record",
        "renew",
    }  # they move no claim
