"""Works through the rows of a CSV file, so that it can be stopped and started again.

Beside `FILE.csv` it keeps `FILE.csv.progress`: how many rows are done from the top, and a hash of
those rows. Rows that the service refuses go to `FILE.csv.rejected.csv` with the reason.
"""

import asyncio
import csv
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncnotify.errors import Refused

Row = dict[str, str]
"""One line by its column names; empty cells are left out."""

CONCURRENCY = 16
SAVE_EVERY_ROWS = 100
FIRST_LINE_OF_DATA = 2


class BadFile(Exception):
    """Raised when the file can't be worked through; says which line and why."""


@dataclass(slots=True)
class CsvJob:
    """One run through one file. `tell` is called with the number of rows done so far."""

    path: Path
    required: Sequence[str]
    allowed: Sequence[str]
    tell: Callable[[int], None] = lambda _: None
    rows: list[Row] = field(default_factory=list)
    done: int = 0
    rejected: int = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _hashed: int = 0

    def load(self) -> None:
        """Read the file and where an earlier run stopped. Raises `BadFile`."""
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            self._check_columns(reader.fieldnames or [])
            self.rows = [self._row(number, raw) for number, raw in enumerate(reader)]
        self.done = self._resume_from()

    async def run(self, handle: Callable[[int, Row], Awaitable[object]]) -> None:
        """Call `handle(row_number, row)` for each row that is left, several at once.

        `Refused` is written down and the next row follows; any other error ends the run, and a
        later one goes on where it stopped.
        """
        try:
            while self.done < len(self.rows):
                await self._run_batch(handle)
        finally:
            self._save()
        self._progress_file.unlink(missing_ok=True)

    async def _run_batch(self, handle: Callable[[int, Row], Awaitable[object]]) -> None:
        start = self.done
        slots = asyncio.Semaphore(CONCURRENCY)

        async def one(number: int) -> None:
            async with slots:
                try:
                    await handle(number, self.rows[number])
                except Refused as refusal:
                    if refusal.retry_after_seconds is not None:
                        raise
                    self._reject(number, refusal)

        batch = range(start, min(start + SAVE_EVERY_ROWS, len(self.rows)))
        try:
            async with asyncio.TaskGroup() as group:
                for number in batch:
                    group.create_task(one(number))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        self.done = batch.stop
        self._save()
        self.tell(self.done)

    def _check_columns(self, columns: Sequence[str]) -> None:
        missing = [name for name in self.required if name not in columns]
        unknown = [name for name in columns if name not in self.allowed]
        if missing or unknown:
            faults = [f"no column {name!r}" for name in missing]
            faults += [f"unknown column {name!r}" for name in unknown]
            raise BadFile(f"{self.path}: {', '.join(faults)}; known: {', '.join(self.allowed)}")

    def _row(self, number: int, raw: dict[str, str]) -> Row:
        if None in raw or None in raw.values():
            line = number + FIRST_LINE_OF_DATA
            raise BadFile(f"{self.path}, row {line}: not as many cells as the first line has")
        return {name: cell for name, cell in raw.items() if cell != ""}

    def _resume_from(self) -> int:
        if not self._progress_file.exists():
            return 0
        saved = json.loads(self._progress_file.read_text())
        if saved["sha256"] != self._hash_to(saved["rows"]):
            raise BadFile(
                f"{self.path} changed in the part that is done; "
                f"delete {self._progress_file} to start over"
            )
        return int(saved["rows"])

    def _save(self) -> None:
        state = json.dumps({"rows": self.done, "sha256": self._hash_to(self.done)})
        self._progress_file.write_text(state)

    def _reject(self, number: int, refusal: Refused) -> None:
        self.rejected += 1
        fresh = not self.rejected_file.exists()
        faults = "; ".join(f"{each['pointer']}: {each['message']}" for each in refusal.errors)
        with self.rejected_file.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow([*self.allowed, "line", "error"])
            cells = [self.rows[number].get(name, "") for name in self.allowed]
            writer.writerow([*cells, number + FIRST_LINE_OF_DATA, faults or str(refusal)])

    @property
    def rejected_file(self) -> Path:
        """Return where refused rows are written."""
        return self.path.with_name(f"{self.path.name}.rejected.csv")

    @property
    def _progress_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.progress")

    def _hash_to(self, rows: int) -> str:
        # Goes on from the last call: hashing from the top at each save would be quadratic.
        for row in self.rows[self._hashed : rows]:
            self._hash.update(json.dumps(row).encode())
        self._hashed = rows
        return self._hash.hexdigest()
