"""Works through the rows of a CSV file, so that it can be stopped and started again.

Rows that are refused or invalid go to `FILE.csv.rejected.csv` with the reason. Correct them there
and run the command on that file, or correct the file itself and run it again: rows that are done
are skipped.
"""

import asyncio
import csv
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncnotify.csv_file import IGNORED_COLUMNS, BadFile, CsvFile, CsvRow, Row
from asyncnotify.csv_progress import CsvProgress
from asyncnotify.errors import Refused

CONCURRENCY = 16
SAVE_EVERY_ROWS = 100

_NOT_ABOUT_THE_ROW = frozenset({401, 403, 408, 429})

Handle = Callable[[int, Row], Awaitable[object]]


@dataclass(slots=True)
class CsvJob:
    """One run through one file. `on_progress` is called with the number of rows done so far.

    `target` is the gateway that it is for: what was done at one is not done at another.
    `multiline`: lines of a cell that look like rows are meant.
    """

    path: Path
    required: Sequence[str]
    allowed: Sequence[str]
    target: str = ""
    multiline: bool = False
    on_progress: Callable[[int], None] = lambda _: None
    rows: list[CsvRow] = field(default_factory=list)
    _progress: CsvProgress = field(init=False)
    _left: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._progress = CsvProgress(self.path, self.target)

    @property
    def done(self) -> int:
        """Return how many rows are done, by this run or an earlier one."""
        return len(self.rows) - len(self._left)

    @property
    def rejected(self) -> int:
        """Return how many rows were refused, by this run or an earlier one."""
        return len(self._refused())

    @property
    def rejected_file(self) -> Path:
        """Return where refused rows are written."""
        return self.path.with_name(f"{self.path.name}.rejected.csv")

    @property
    def finished_file(self) -> Path:
        """Return what remembers that all rows are done."""
        return self._progress.finished_file

    def load(self, *, again: bool = False) -> None:
        """Read the file and what an earlier run did; forget that with `again`. Raises `BadFile`."""
        self.rows = CsvFile(self.path, self.required, self.allowed, self.multiline).read()
        if again:
            self._progress.forget()
        self._progress.load()
        done = self._progress.faults
        self._left = [number for number, row in enumerate(self.rows) if row.key not in done]
        gone = done.keys() - {row.key for row in self.rows}
        if self._progress.unfinished_file.exists() and any(done[key] is None for key in gone):
            raise BadFile(
                f"{self.path} changed in the part that is done, before all was: put what is new"
                " into a file of its own, or start over with --again"
            )
        if gone or not done:
            # Mended, or not tried yet: what was written of them holds no longer.
            self.rejected_file.unlink(missing_ok=True)
            self._write_rejected(self._refused())

    async def run(self, handle: Handle) -> None:
        """Call `handle(row_number, row)` for each row that is left, several at once.

        What is refused for the row's own sake is written down, and the next row follows. Any other
        error ends the run, and a later one goes on where it stopped.
        """
        while self._left:
            await self._run_batch(self._left[:SAVE_EVERY_ROWS], handle)
            self.on_progress(self.done)
        self._progress.finish()

    async def _run_batch(self, batch: Sequence[int], handle: Handle) -> None:
        slots = asyncio.Semaphore(CONCURRENCY)
        faults: dict[int, str] = {}

        async def one(number: int) -> None:
            async with slots:
                fault = self.rows[number].fault or await _refusal(handle, number, self.rows[number])
            if fault:
                faults[number] = fault

        try:
            async with asyncio.TaskGroup() as group:
                for number in batch:
                    group.create_task(one(number))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        self._progress.add({self.rows[number].key: faults.get(number) for number in batch})
        self._write_rejected([self.rows[number] for number in sorted(faults)])
        self._left = self._left[len(batch) :]

    def _refused(self) -> list[CsvRow]:
        return [row for row in self.rows if self._progress.faults.get(row.key) is not None]

    def _write_rejected(self, rows: Sequence[CsvRow]) -> None:
        if not rows:
            return
        is_new = not self.rejected_file.exists()
        with self.rejected_file.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow([*self.allowed, *IGNORED_COLUMNS])
            for row in rows:
                cells = [row.cells.get(name, "") for name in self.allowed]
                writer.writerow([*cells, row.line, self._progress.faults[row.key]])


async def _refusal(handle: Handle, number: int, row: CsvRow) -> str | None:
    """Handle a row; return why it was refused, if it was for its own sake."""
    try:
        await handle(number, row.cells)
    except Refused as refusal:
        is_passing = refusal.retry_after_seconds is not None or refusal.status >= 500
        if is_passing or refusal.status in _NOT_ABOUT_THE_ROW:
            raise
        faults = "; ".join(f"{each['pointer']}: {each['message']}" for each in refusal.errors)
        return faults or str(refusal)
    return None
