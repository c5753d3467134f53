"""The Lua sources. `record.lua` becomes part of the queue's scripts, too."""

from functools import cache
from importlib.resources import files

from durable_queue.recorder import LuaRecorder
from durable_queue.redis_list.scripts import Script, lua_sources


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
    kit = lua_sources()
    recording = "\n".join((kit["prelude"], kit["damage"], lua("record")))
    writing, forgetting = f"{recording}\n{lua('tell')}", f"{recording}\n{lua('forget')}"
    telling, claiming = f"{writing}return tell(unpack(ARGV))\n", f"{writing}{lua('claims')}"
    refused_when_full = {"accept": telling, "reserve": claiming}
    counting = f"{kit['prelude']}\n{lua('overdue')}"
    never_refused = {
        "write": telling,
        "claim": claiming,
        "forget": forgetting,
        "overdue": counting,
    }
    return {
        name: Script.of(name, f"{header}\n{source}")
        for header, sources in (
            ("#!lua", refused_when_full),
            ("#!lua flags=allow-oom", never_refused),
        )
        for name, source in sources.items()
    }
