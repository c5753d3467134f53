"""Remembers which rows of a file are done, so that a later run neither repeats nor forgets any.

`FILE.csv.progress` while rows are left, `FILE.csv.done` when none is. Lines of JSON are only ever
appended: first what it is about, then after each batch `[key, fault]` for each row; without a fault
it was taken. A line that a crash left half-written counts as not there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asyncnotify.csv_file import BadFile


@dataclass(slots=True)
class CsvProgress:
    """The rows of `path` that were handled at the gateway `target`: by their keys, their faults."""

    path: Path
    target: str
    faults: dict[str, str | None] = field(default_factory=dict)

    @property
    def unfinished_file(self) -> Path:
        """Return where it is written while rows are left."""
        return self.path.with_name(f"{self.path.name}.progress")

    @property
    def finished_file(self) -> Path:
        """Return where it is kept when no row is left."""
        return self.path.with_name(f"{self.path.name}.done")

    def load(self) -> None:
        """Read what earlier runs did. Raises `BadFile` if it is about something else."""
        for file in (self.unfinished_file, self.finished_file):
            if file.exists():
                self._read(file)
                return

    def add(self, faults: Mapping[str, str | None]) -> None:
        """Note that rows were handled."""
        if not faults:
            return
        self.faults |= faults
        if self.finished_file.exists():
            self.finished_file.rename(self.unfinished_file)
        with self.unfinished_file.open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(json.dumps({"gateway": self.target}) + "\n")
            file.write(json.dumps(list(faults.items())) + "\n")

    def finish(self) -> None:
        """Note that no row is left."""
        if self.unfinished_file.exists():
            self.unfinished_file.replace(self.finished_file)

    def forget(self) -> None:
        """Start over."""
        self.unfinished_file.unlink(missing_ok=True)
        self.finished_file.unlink(missing_ok=True)

    def _read(self, file: Path) -> None:
        whole, _, torn = file.read_bytes().rpartition(b"\n")
        if torn or not whole:
            file.write_bytes(whole + b"\n" if whole else b"")
        if not whole:
            return
        head, *entries = whole.splitlines()
        try:
            target = json.loads(head)["gateway"]
            self.faults = {str(key): fault for line in entries for key, fault in json.loads(line)}
        except (ValueError, TypeError, KeyError) as error:
            raise BadFile(f"{file} is damaged; start over with --again, or delete it") from error
        if target != self.target:
            raise BadFile(
                f"{self.path} was worked through at {target}, and this is {self.target};"
                f" start over with --again, or delete {file}"
            )
