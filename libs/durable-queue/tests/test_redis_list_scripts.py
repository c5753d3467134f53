"""The scripts and the rest of the adapter agree with each other."""

import re

import pytest
from durable_queue.port import Change
from durable_queue.redis_list import keys
from durable_queue.redis_list.keys import Keys, checked_lane
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.scripts import assemble, lua_sources, with_what_it_uses

SOURCES = lua_sources()
# `wait_again` and `die` of settle.lua pass their argument on.
TOLD = re.compile(r"\b(?:tell|tell_end)\(m, '(\w+)'|\b(?:wait_again|die)\('(\w+)'")


def test_scripts_tell_the_recorder_of_every_change_there_is() -> None:
    events = {
        change or passed_on
        for source in SOURCES.values()
        for change, passed_on in TOLD.findall(source)
    }

    assert events == set(Change)


def test_only_what_brings_in_more_is_refused_when_redis_is_full() -> None:
    scripts = assemble(SOURCES, RedisListOptions(), None).values()
    refused = {script.name for script in scripts if "allow-oom" not in script.source[:30]}

    assert refused == {"send", "ping"}


def test_every_script_says_what_it_takes() -> None:
    for name, source in SOURCES.items():
        assert source.startswith("-- "), name


def test_script_gets_only_what_it_uses_even_through_others() -> None:
    shared = (
        "local ONE = 1\n-- Not this.\nlocal TWO = {\n  1,\n}\n"
        "local function once(x)\n  return x + ONE\nend\n"
        "local function twice(x) return once(once(x)) end\n"
        "local function thrice() end -- twice\n"
        "local function last()\nend"
    )

    assert with_what_it_uses(shared, "last()\n").startswith("local function last()\nend\n")
    assert with_what_it_uses(shared, "return twice(3) -- TWO\n") == (
        "local ONE = 1\n"
        "local function once(x)\n  return x + ONE\nend\n"
        "local function twice(x) return once(once(x)) end\n"
        "return twice(3) -- TWO\n"
    )


@pytest.mark.parametrize("part", ["prelude", "damage", "message", "ended", "states"])
def test_nothing_is_lost_of_a_shared_part_that_is_used(part: str) -> None:
    everything = " ".join(re.findall(r"\w+", re.sub(r"--.*", "", SOURCES[part])))
    without_notes = re.sub(r"^--.*\n|\n(?=\n)", "", SOURCES[part], flags=re.MULTILINE)

    kept = with_what_it_uses(SOURCES[part], everything).removesuffix(everything)
    assert re.sub(r"^--.*\n|\n(?=\n)", "", kept, flags=re.MULTILINE) == without_notes


@pytest.mark.parametrize("part", ["ready", "wait", "lease", "delay", "seq", "wm"])
def test_keys_of_a_lane_are_documented(part: str) -> None:
    assert any(f"key(lane, '{part}')" in source for source in SOURCES.values())
    assert f"P:<lane>:{part} " in str(keys.__doc__)


@pytest.mark.parametrize("namespace", ["", "{an}", "a b", "an*", "x" * 65])
def test_namespace_that_would_break_keys_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        Keys(namespace)


@pytest.mark.parametrize("lane", ["", "e", "a:b", "a b", "a*", "ü" * 2, ".a"])
def test_lane_that_would_break_keys_is_refused(lane: str) -> None:
    with pytest.raises(ValueError, match="lane"):
        checked_lane(lane)


def test_lane_and_id_are_found_in_their_keys() -> None:
    assert Keys("an").lane_of(b"{an:0}:delivery.email.high:ready") == "delivery.email.high"
    assert Keys("an").id_of(b"{an:0}:e:a:b") == b"a:b"
