"""Prints a Lua script as Redis gets it, with all that is put before its body.

python -m testkit.show_lua            the names
python -m testkit.show_lua claim      a script of the queue
python -m testkit.show_lua ledger/claim   one that writes claims and records beside RabbitMQ
"""

import sys
from collections.abc import Sequence

from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.scripts import assemble, lua_sources
from notification_ledger.redis.scripts import lua_recorder, writing_scripts


def sources() -> dict[str, str]:
    """Return all scripts by name, with the settings' defaults."""
    queue = assemble(lua_sources(), RedisListOptions(), lua_recorder())
    found = {name: script.source for name, script in queue.items()}
    return found | {f"ledger/{name}": each.source for name, each in writing_scripts().items()}


def main(names: Sequence[str]) -> str:
    """Return what to print. Raises `SystemExit` for a name that there is not."""
    known = sources()
    listed = "\n".join(sorted(known))
    if not names:
        return listed
    if names[0] not in known:
        raise SystemExit(f"there is no script {names[0]!r}; there are:\n{listed}")
    return known[names[0]]


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]).rstrip() + "\n")
