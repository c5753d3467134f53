"""The Lua scripts, assembled: header, settings, shared parts, body."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from typing import Final, Self

from service_kit.epoch import whole_ms

from durable_queue.messages import MAX_ATTEMPTS, SUSPECT_AFTER
from durable_queue.recorder import LuaRecorder
from durable_queue.redis_list.options import RedisListOptions

# A send is refused as a whole when Redis is full; all others make room, or are needed to.
_REFUSED_WHEN_FULL: Final = frozenset({"send", "ping"})
_SILENT: Final = LuaRecorder(
    "local function opened(told) return told end\n"
    "local function record() end\n"
    "local function closed(_, told) return told end\n"
    "local function forget() end\n"
    "local function former() return '', now end\n"
)
_PARTS: Final = frozenset({"prelude", "damage", "message", "states", "ended", "many"})
_FOR_MANY: Final = frozenset({"send", "start", "settle", "advance", "tick", "depth"})


@dataclass(frozen=True, slots=True)
class Script:
    """One script, ready to be run by its digest."""

    name: str
    source: str
    sha: str
    is_for_many: bool
    """Whether one call runs it for many messages or lanes; what fails for one is its reply."""

    @classmethod
    def of(cls, name: str, source: str, *, is_for_many: bool = False) -> Self:
        """Return the script of this source. Redis names scripts by their SHA-1."""
        digest = sha1(source.encode(), usedforsecurity=False).hexdigest()
        return cls(name, source, digest, is_for_many)


def lua_sources() -> dict[str, str]:
    """Read the Lua files of this package, by name."""
    folder = files("durable_queue.redis_list") / "lua"
    return {
        path.name.removesuffix(".lua"): path.read_text(encoding="utf-8")
        for path in folder.iterdir()
        if path.name.endswith(".lua")
    }


def assemble(
    sources: Mapping[str, str], options: RedisListOptions, recorder: LuaRecorder | None
) -> dict[str, Script]:
    """Make the scripts of a queue, by name."""
    before = _settings(options) + sources["prelude"] + sources["damage"]
    before += (recorder or _SILENT).source + "\n"
    before += sources["message"] + sources["ended"] + sources["states"]
    scripts = {}
    for name in sources.keys() - _PARTS:
        header = "#!lua\n" if name in _REFUSED_WHEN_FULL else "#!lua flags=allow-oom\n"
        body, is_for_many = sources[name], name in _FOR_MANY
        if is_for_many:
            body = f"local function one(...)\n{body}end\n{sources['many']}"
        scripts[name] = Script.of(name, header + before + body, is_for_many=is_for_many)
    return scripts


def _settings(options: RedisListOptions) -> str:
    values = {
        "LEASE_MS": whole_ms(options.lease),
        "RETENTION_MS": whole_ms(options.retention),
        "GRACE_MS": whole_ms(options.ticket_grace),
        "MAX_WAITING": options.max_waiting,
        "MAX_DELIVERIES": options.max_deliveries,
        "SUSPECT_AFTER": SUSPECT_AFTER,
        "RAW_ATTEMPTS": MAX_ATTEMPTS,
        "LIMIT": options.tick_limit,
    }
    return "".join(f"local {name} = {value}\n" for name, value in values.items())
