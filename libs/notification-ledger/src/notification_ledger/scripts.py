"""The Lua sources. `record.lua` becomes part of the queue's scripts, too."""

from functools import cache
from importlib.resources import files

from service_kit.queue.recorder import LuaRecorder
from service_kit.queue.redis_list.scripts import Script


@cache
def lua(name: str) -> str:
    """Return the source of this name."""
    return (files("notification_ledger") / "lua" / f"{name}.lua").read_text("utf-8")


@cache
def lua_recorder() -> LuaRecorder:
    """Return what a Redis queue makes part of its scripts, so that it keeps the ledger."""
    return LuaRecorder(lua("record"))


def writing_scripts() -> dict[str, Script]:
    """Return the scripts that write where no queue's script does; each has one key, the prefix.

    What is new is refused when Redis is out of memory; what is under way must end even then.
    """
    writer = f"local P = KEYS[1]\n{lua('record')}\n{lua('standalone')}"
    sources = {
        "accept": f"#!lua\n{writer}",
        "write": f"#!lua flags=allow-oom\n{writer}",
        "claims": lua("claims"),
    }
    return {name: Script.of(name, source) for name, source in sources.items()}
