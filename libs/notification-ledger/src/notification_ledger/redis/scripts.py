"""The Lua sources. `record.lua` becomes part of the queue's scripts, too."""

from datetime import timedelta
from functools import cache
from importlib.resources import files

from durable_queue.claims.claim import GIVEN_UP, HAS_ENDED, HELD, RESERVED_STATES
from durable_queue.recorder import LuaRecorder
from durable_queue.redis_list.scripts import Script, lua_sources, part_of, with_what_it_uses
from service_kit.epoch import whole_ms

from notification_ledger.redis.rendering import lua_list, lua_ranks, lua_rules, lua_set
from notification_ledger.redis.rows import FORMER_COLUMNS


@cache
def lua(name: str) -> str:
    """Return the source of this name."""
    return (files("notification_ledger.redis") / "lua" / f"{name}.lua").read_text("utf-8")


@cache
def lua_recorder() -> LuaRecorder:
    """Return what a Redis queue makes part of its scripts, so that it keeps the ledger."""
    return LuaRecorder("\n".join((lua_rules(), lua("record"))))


def reading_script(name: str) -> str:
    """Return the source of a script that only reads; its first line stays the first."""
    header, _, body = lua(name).partition("\n")
    return "\n".join((header, lua_list("FORMER_COLUMNS", FORMER_COLUMNS), lua_ranks(), body))


def writing_scripts(retention: timedelta = timedelta(days=30)) -> dict[str, Script]:
    """Return the scripts that write where no queue's script does; each has one key, the prefix.

    What is new is refused when Redis is out of memory; what is under way must end even then.
    """
    kit = lua_sources()
    base = "\n".join(
        (
            kit["prelude"],
            kit["damage"],
            part_of(lua_recorder()),
            kit["message"],
            kit["ended"],
        )
    )
    settings = f"local RETENTION = {whole_ms(retention)}\n{_claim_sets()}"
    write = with_what_it_uses(lua_rules(), lua("write"))
    claims = f"{settings}\n{lua('claims')}\n{kit['many']}"
    claiming = with_what_it_uses(base, f"{write}\n{claims}")
    receipt = with_what_it_uses(lua_rules(), lua("write") + lua("receipt"))
    refused_when_full = {"reserve": claiming}
    never_refused = {
        "claim": claiming,
        "receipt": with_what_it_uses(base, receipt),
        "forget": with_what_it_uses(base, lua("forget")),
        "overdue": with_what_it_uses(base, lua("overdue")),
    }
    return {
        name: Script.of(name, f"{header}\n{source}", is_for_many=source is claiming)
        for header, sources in (
            ("#!lua", refused_when_full),
            ("#!lua flags=allow-oom", never_refused),
        )
        for name, source in sources.items()
    }


def _claim_sets() -> str:
    sets = {
        "HELD": HELD,
        "RESERVED_STATES": RESERVED_STATES,
        "HAS_ENDED": HAS_ENDED,
        "GIVEN_UP": GIVEN_UP,
    }
    return "\n".join(lua_set(name, values) for name, values in sets.items())
