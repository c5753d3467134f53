"""The file of the first key."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp


@dataclass(frozen=True, slots=True)
class PrivateKeyFile:
    """A file with a key's text and a line's end, readable by its owner alone."""

    path: Path

    def text(self) -> str | None:
        try:
            return self.path.read_text().strip()
        except FileNotFoundError:
            return None

    def renew(self, text: str) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self.text()
        # Not by the process's number: in two containers that share a volume it may be the same.
        descriptor, name = mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.")
        fresh = Path(name)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
        try:
            if before is not None:
                self.path.unlink(missing_ok=True)
            # Unlike a rename, a link does not replace what another process has just written.
            with suppress(FileExistsError):
                self.path.hardlink_to(fresh)
        finally:
            fresh.unlink()
        return self.text() or text
