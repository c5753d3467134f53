"""Works through the rows of a CSV file, so that it can be stopped and started again.

Rows that are refused or invalid go to `FILE.csv.rejected.csv` with the reason. Correct them there
and run the command on that file, or correct the file itself and run it again: rows that are done
are skipped.
"""

import asyncio
import csv
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from asyncnotify.csv_file import IGNORED_COLUMNS, BadFile, CsvFile, CsvRow
from asyncnotify.csv_progress import CsvProgress
from asyncnotify.errors import Refused

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 512 * 1024
"""What a batch may hold; proxies often let no more than 1 MiB pass."""

PATIENCE_SECONDS: Final = 600.0
"""How long a run waits while no row at all is taken."""

_PAUSE_SECONDS: Final = 5.0
_NOT_ABOUT_THE_ROW: Final = frozenset({401, 403, 404, 405, 408})

Handle = Callable[[Sequence[CsvRow]], Awaitable[Sequence[Refused | None]]]
"""Has rows done; tells of each why it was refused, None if it was not."""


@dataclass(slots=True)
class CsvJob:
    """One run through one file.

    `target` is the gateway that it is for: what was done at one is not done at another.
    `multiline`: lines of a cell that look like rows are meant. `on_progress` is called with the
    number of rows done so far, `on_wait` with why no row is taken for now.
    """

    path: Path
    required: Sequence[str]
    allowed: Sequence[str]
    target: str = ""
    multiline: bool = False
    batch_rows: int = BATCH_ROWS
    patience_seconds: float = PATIENCE_SECONDS
    on_progress: Callable[[int], None] = lambda _: None
    on_wait: Callable[[str], None] = lambda _: None
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
        """Have all rows that are left done, a batch at a time.

        What is refused for the row's own sake is written down, and the others go on. What is
        refused for now (429, 503) is tried again, unless nothing is taken for `patience_seconds`.
        Any other error ends the run, and a later one goes on where it stopped.
        """
        clock = asyncio.get_running_loop().time
        moved_at = clock()
        while self._left:
            batch = self._next_batch()
            faults: dict[int, str | None] = {
                number: self.rows[number].fault for number in batch if self.rows[number].fault
            }
            refusal = await self._do(handle, [each for each in batch if each not in faults], faults)
            self._note(batch, faults)
            if faults:
                moved_at = clock()
            if refusal is None:
                continue
            if clock() - moved_at >= self.patience_seconds:
                raise refusal
            self.on_wait(str(refusal))
            await asyncio.sleep(refusal.retry_after_seconds or _PAUSE_SECONDS)
        self._progress.finish()

    def _next_batch(self) -> list[int]:
        batch: list[int] = []
        size = 0
        for number in self._left[: self.batch_rows]:
            size += len(json.dumps(self.rows[number].cells, ensure_ascii=False).encode())
            if batch and size > BATCH_BYTES:
                break
            batch.append(number)
        return batch

    async def _do(
        self, handle: Handle, batch: Sequence[int], faults: dict[int, str | None]
    ) -> Refused | None:
        """Have rows done; add those that are to `faults`. Return why others are not, for now."""
        if not batch:
            return None
        try:
            errors = await handle([self.rows[number] for number in batch])
        except Refused as error:
            if _is_passing(error) or len(batch) == 1:
                errors = [error] * len(batch)
            elif error.status in _NOT_ABOUT_THE_ROW:
                raise
            else:
                # The whole was refused for the sake of one of them: which one is found by halves.
                half = len(batch) // 2
                first = await self._do(handle, batch[:half], faults)
                return first or await self._do(handle, batch[half:], faults)
        refusal = None
        for number, fault in zip(batch, errors, strict=True):
            if fault is None or not _is_passing(fault):
                faults[number] = None if fault is None else _words(fault)
            else:
                refusal = fault
        return refusal

    def _note(self, batch: Sequence[int], faults: dict[int, str | None]) -> None:
        done = sorted(faults)
        self._progress.add({self.rows[number].key: faults[number] for number in done})
        self._write_rejected([self.rows[number] for number in done if faults[number] is not None])
        waiting = [number for number in batch if number not in faults]
        self._left = waiting + self._left[len(batch) :]
        self.on_progress(self.done)

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


def _is_passing(refusal: Refused) -> bool:
    return refusal.retry_after_seconds is not None or refusal.status >= 500 or refusal.status == 429


def _words(refusal: Refused) -> str:
    """Say why a row was refused for its own sake; raise the refusal if it was not."""
    if refusal.status in _NOT_ABOUT_THE_ROW:
        raise refusal
    faults = "; ".join(f"{each['pointer']}: {each['message']}" for each in refusal.errors)
    return faults or str(refusal)
