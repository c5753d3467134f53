"""Which server wrote a data directory last: an older one can't read what a newer one wrote."""

import json
from pathlib import Path
from typing import Final, NamedTuple

_FILE: Final = "written-by.json"


class ServerProgram(NamedTuple):
    """A redis-server program and its version, for example `(7, 0, 15)`."""

    path: Path
    version: tuple[int, ...]

    @property
    def shown(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))

    def reads_what(self, writer: "ServerProgram") -> bool:
        """Tell whether it can read what `writer` wrote: a minor version may change the format."""
        return self.version[:2] >= writer.version[:2]


def last_writer(folder: Path) -> ServerProgram | None:
    """Return who wrote the data last; None if that is not known."""
    try:
        kept = json.loads((folder / _FILE).read_text())
        return ServerProgram(Path(kept["program"]), tuple(map(int, kept["version"].split("."))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remember_writer(folder: Path, program: ServerProgram) -> None:
    """Note who writes the data from now on."""
    if last_writer(folder) == program:
        return
    new = folder / f"{_FILE}.new"
    new.touch(mode=0o600)
    new.write_text(json.dumps({"program": str(program.path), "version": program.shown}) + "\n")
    new.replace(folder / _FILE)
