"""The file of the first key."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service_kit.private_files import MASK


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
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        before = self.text()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666 & ~MASK)
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
