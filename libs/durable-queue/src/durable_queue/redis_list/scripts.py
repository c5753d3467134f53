"""The Lua scripts, assembled: header, settings, shared parts, body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from textwrap import indent
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
_DECLARATION: Final = re.compile(
    r"(?:^--.*\n)*^local (?:function )?([\w, ]+).*\n(?:^(?!local |--).*\n)*", re.MULTILINE
)


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
    before += part_of(recorder or _SILENT)
    before += sources["message"] + sources["ended"] + sources["states"]
    scripts = {}
    for name in sources.keys() - _PARTS:
        header = "#!lua\n" if name in _REFUSED_WHEN_FULL else "#!lua flags=allow-oom\n"
        body, is_for_many = sources[name], name in _FOR_MANY
        if is_for_many:
            body = f"local function one(...)\n{body}end\n{sources['many']}"
        source = header + with_what_it_uses(before, body)
        scripts[name] = Script.of(name, source, is_for_many=is_for_many)
    return scripts


def part_of(recorder: LuaRecorder) -> str:
    """Return the part of the scripts by which they get at what a recorder defines.

    It is made when it is first needed, and once: a script that only claims needs none of it.
    """
    names = "{opened = opened, record = record, closed = closed, forget = forget, former = former}"
    made = with_what_it_uses(recorder.source, f"made = {names}\nreturn made\n")
    body = indent(f"if made then return made end\n{made}", "  ")
    return f"local made\nlocal function recorder()\n{body}end\n"


def with_what_it_uses(shared: str, body: str) -> str:
    """Return the body of a script after those declarations of `shared` whose names are used.

    Each call makes all functions and tables of its script anew: most of what a call for one message
    costs. `shared` is local declarations and comments; each begins at the start of a line.
    """
    found = [
        (frozenset(re.findall(r"\w+", match[1])), match[0])
        for match in _DECLARATION.finditer(f"{shared}\n")
    ]
    used: frozenset[str] = frozenset()
    more = _words(body)
    while more > used:
        used = more
        more = used.union(*(_words(text) for names, text in found if names & used))
    return "".join(text for names, text in found if names & used) + body


def _words(lua: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", re.sub(r"--.*", "", lua)))


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
