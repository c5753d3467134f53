"""Fields of a call, with placeholders in their values.

Values are filled in before they are encoded, each placeholder once: whatever a text contains, it
can't end its field, begin another, or name a placeholder.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")
_INDEX: Final = re.compile(r"[0-9]{1,2}")
_RAW: Final = ":"

Json = Any
"""Whatever JSON holds."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values, in order. Values may be secrets.

    In JSON a name is a JSON pointer (RFC 6901), and the value of a name that ends in `:` is JSON
    itself: `flash:=true`.
    """

    items: Sequence[tuple[str, str]] = field(repr=False)

    def placeholders(self) -> frozenset[str]:
        """Return the names of all that is to be filled in."""
        return frozenset(name for _, value in self.items for name in _PLACEHOLDER.findall(value))

    def as_form(self, values: Mapping[str, str]) -> str:
        """Return them as a query or a form."""
        return urlencode([(name, fill(value, values)) for name, value in self.items])

    def as_json(self, values: Mapping[str, str]) -> bytes:
        """Return them as a JSON object.

        Raises:
            ValueError: two names contradict each other, or a value that is to be JSON is not.
        """
        root: dict[str, Json] = {}
        for name, value in self.items:
            is_raw = name.endswith(_RAW)
            content = json.loads(value) if is_raw else fill(value, values)
            _put(root, _path(name.removesuffix(_RAW)), content)
        return json.dumps(_with_lists(root), ensure_ascii=False).encode()


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in the place of their names, in one pass."""
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)


def at_pointer(document: Json, pointer: str) -> Json:
    """Return what a JSON pointer leads to; None if it leads nowhere."""
    for key in _path(pointer):
        if isinstance(document, list) and _INDEX.fullmatch(key) and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict):
            document = document.get(key)
        else:
            return None
    return document


def _path(name: str) -> list[str]:
    if not name.startswith("/"):
        return [name]
    return [part.replace("~1", "/").replace("~0", "~") for part in name[1:].split("/")]


def _put(root: dict[str, Json], path: Sequence[str], content: Json) -> None:
    for key in path[:-1]:
        root = root.setdefault(key, {})
        if not isinstance(root, dict):
            raise ValueError(f"{key!r} is both")  # noqa: TRY004 - a fault of the names, not of a type
    if path[-1] in root:
        raise ValueError(f"{path[-1]!r} is there twice")
    root[path[-1]] = content


def _with_lists(node: Json) -> Json:
    """Make a list of each object whose names are 0, 1, 2 and so on."""
    if not isinstance(node, dict):
        return node
    children = {key: _with_lists(child) for key, child in node.items()}
    if children and list(children) == [str(index) for index in range(len(children))]:
        return list(children.values())
    return children
