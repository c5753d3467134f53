"""Reads the rows of a CSV file as spreadsheets leave them, and keeps out those that mislead.

Taken: UTF-8 with or without a mark at its start; cells between commas, semicolons or tabs, or what
a first line `sep=…` says; column names in any case; line breaks inside quotes.

A quote that opens and is not closed where it should be makes one cell of other people's rows. The
line in which it opens is kept out, and the lines after it are read anew: those that do not look
like rows are kept out with it, for they may be the rest of a letter. A cell that is closed, but
whose lines look like rows, may be either: all its lines are kept out, unless the caller says that
line breaks are intended.
"""

import csv
import io
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

Row = dict[str, str]
"""One row by its column names; empty cells are left out."""

MAX_LINES_IN_A_CELL = 100
LONGEST_SHOWN_LINE = 1000
IGNORED_COLUMNS = ("line", "error")
"""What a file of refused rows has on top: it may be corrected and given to the command as it is."""

_DELIMITERS = ",;\t"
_DECLARED_DELIMITER = re.compile(r'("?)sep=([^"\r\n])\1(?=[\r\n]|\Z)', re.IGNORECASE)
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class BadFile(Exception):
    """Raised when the file can't be worked through; says which line and why."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row.

    Attributes:
        line: the line that it begins in.
        key: what tells it from all others of the file, wherever it stands in it.
        fault: what is wrong with its shape, if anything.
    """

    line: int
    cells: Row
    key: str
    fault: str | None


@dataclass(frozen=True, slots=True)
class CsvFile:
    """Which columns a file must have, and which it may have.

    `multiline`: lines of a cell that look like rows are meant.
    """

    path: Path
    required: Sequence[str]
    allowed: Sequence[str]
    multiline: bool = False

    def read(self) -> list[CsvRow]:
        """Read all rows; those without anything in them are left out. Raises `BadFile`."""
        text = self._text()
        if declared := _DECLARED_DELIMITER.match(text):
            # Its line break stays, so that lines are counted right.
            text, delimiter = text[declared.end() :], declared[2]
        else:
            delimiter = self._delimiter(text)
        # newline="": the line breaks inside quotes stay what they are.
        lines = list(io.StringIO(text, newline=""))
        records = _records(lines, delimiter)
        columns = self._columns(self._first(next(records, None)))
        while columns and not columns[-1]:
            columns.pop()
        self._check_columns(columns)
        shape = _Shape(columns, self.required, delimiter)
        rows: list[CsvRow] = []
        seen: Counter[str] = Counter()
        doubtful_until = 0
        for record in records:
            if not any(cell.strip() for cell in record.cells):
                continue
            fault = record.fault
            if fault:
                doubtful_until = max(doubtful_until, record.line + MAX_LINES_IN_A_CELL)
            elif record.line <= doubtful_until and not shape.is_row(record.cells):
                fault = (
                    "follows a line with a quote that is not closed, and does not look like a row"
                )
            elif not self.multiline:
                fault = shape.fault_of_line_breaks(record.cells)
            rows.append(self._row(record, columns, fault, seen))
        return rows

    def _first(self, record: "_Record | None") -> list[str]:
        if record and record.fault:
            raise BadFile(f"{self.path}, line {record.line}: {record.fault}; nothing was done")
        return record.cells if record else []

    def _text(self) -> str:
        data = self.path.read_bytes()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            encoding = "UTF-16" if data.startswith(_UTF_16_MARKS) else "WINDOWS-1252"
            raise BadFile(
                f"{self.path}, line {line}: not UTF-8. Save it as 'CSV UTF-8', or convert it:"
                f" iconv -f {encoding} -t UTF-8 {shlex.quote(str(self.path))} > converted.csv"
            ) from error

    def _delimiter(self, text: str) -> str:
        head = text.lstrip("\r\n").splitlines()[:1]
        for delimiter in _DELIMITERS:
            names = self._columns(next(csv.reader(head, delimiter=delimiter), []))
            if set(names) >= set(self.required):
                return delimiter
        return _DELIMITERS[0]

    def _columns(self, names: Sequence[str]) -> list[str]:
        known = {name.casefold(): name for name in (*self.allowed, *IGNORED_COLUMNS)}
        return [known.get(name.strip().casefold(), name.strip()) for name in names]

    def _check_columns(self, columns: Sequence[str]) -> None:
        known = {*self.allowed, *IGNORED_COLUMNS}
        faults = [f"no column {name!r}" for name in self.required if name not in columns]
        faults += [f"unknown column {name!r}" for name in columns if name not in known]
        faults += [
            f"two columns {name!r}" for name in dict.fromkeys(columns) if columns.count(name) > 1
        ]
        if faults:
            raise BadFile(f"{self.path}: {', '.join(faults)}; known: {', '.join(self.allowed)}")

    def _row(
        self, record: "_Record", columns: Sequence[str], fault: str | None, seen: Counter[str]
    ) -> CsvRow:
        cells = record.cells
        by_name = {
            name: cell
            for name, cell in zip(columns, cells, strict=False)
            if cell != "" and name not in IGNORED_COLUMNS
        }
        if record.fault:
            by_name = {}  # there are no cells: the fault shows the line as it is
        elif fault:
            pass
        elif len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            fault = f"has {len(cells)} cells, the first line has {len(columns)}"
        elif blank := [name for name in self.required if not by_name.get(name, "").strip()]:
            fault = ", ".join(f"{name} is blank" for name in blank)
        # The same row twice is meant twice, so the second one is another one.
        content = json.dumps([by_name, fault], sort_keys=True)
        seen[content] += 1
        key = sha256(f"{seen[content]} {content}".encode(errors="surrogatepass")).hexdigest()[:20]
        return CsvRow(record.line, by_name, key, fault)


@dataclass(frozen=True, slots=True)
class _Record:
    """What was read from one line on; with a `fault` its only cell is the line as it is."""

    line: int
    cells: list[str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a row of the file looks like."""

    columns: Sequence[str]
    required: Sequence[str]
    delimiter: str

    def is_row(self, cells: Sequence[str]) -> bool:
        """Tell whether cells are a row: prose has a space after a comma, and no cell in place."""
        # A quote that is left over belongs to the one that was not closed.
        return self._may_be_a_row(cells) and sum(cell.count('"') for cell in cells) % 2 == 0

    def fault_of_line_breaks(self, cells: Sequence[str]) -> str | None:
        """Say of a cell with line breaks what makes it look as if its quote were never closed."""
        for cell in cells:
            lines = io.StringIO(cell, newline=None).read().split("\n")
            if len(lines) > MAX_LINES_IN_A_CELL or any(
                self._may_be_a_row(line.split(self.delimiter)) for line in lines[1:]
            ):
                more = "1 more line" if len(lines) == 2 else f"{len(lines) - 1} more lines"
                return (
                    f"a quote opens, and the cell goes on for {more}, as if it were never closed:"
                    " none of them was read as a row. Close the quote, or double it if it is part"
                    " of the text; if the lines are, give --multiline"
                )
        return None

    def _may_be_a_row(self, cells: Sequence[str]) -> bool:
        by_name = dict(zip(self.columns, cells, strict=False))
        return (
            len(cells) == len(self.columns)
            and all(by_name[name] for name in self.required)
            and all(cell == cell.strip() for cell in cells)
        )


def _records(lines: Sequence[str], delimiter: str) -> Iterator[_Record]:
    """Yield what is in the lines, blank ones left out.

    After a line that can't be read, the next one begins anew.
    """
    start = 0
    while start < len(lines):
        rest = (lines[number] for number in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        read = 0
        try:
            for cells in reader:
                if cells:
                    yield _Record(start + read + 1, cells)
                read = reader.line_num
        except csv.Error as error:
            line = lines[start + read].rstrip("\r\n")[:LONGEST_SHOWN_LINE]
            words = f"a quote is not where it should be, or is never closed ({error}): {line}"
            yield _Record(start + read + 1, [line], words)
            start += read + 1
            continue
        return
