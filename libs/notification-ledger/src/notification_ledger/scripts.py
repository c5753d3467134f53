"""The Lua sources. `record.lua` becomes part of the queue's scripts, too."""

from functools import cache
from importlib.resources import files

from service_kit.queue.recorder import LuaRecorder


@cache
def lua(name: str) -> str:
    """Return the source of this name."""
    return (files("notification_ledger") / "lua" / f"{name}.lua").read_text("utf-8")


@cache
def lua_recorder() -> LuaRecorder:
    """Return what a Redis queue makes part of its scripts, so that it keeps the ledger."""
    return LuaRecorder(lua("record"))


def lua_writer() -> str:
    """Return the script that does what a queue's script would do, without flags."""
    return f"local P = ARGV[1]\n{lua('record')}\n{lua('standalone')}"
