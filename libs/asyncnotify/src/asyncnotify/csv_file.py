"""Reads the rows of a CSV file as spreadsheets leave them, and refuses one that misleads.

Taken: UTF-8 with or without a mark at its start; cells between commas, semicolons or tabs, or what
a first line `sep=…` says; column names in any case; line breaks inside quotes. A quote that opens
and is not closed where it should be makes one cell of other people's rows, so such a file is
refused as a whole, unless the caller says that its line breaks are intended.
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
        lines = self._lines(text, delimiter)
        _, first = next(lines, (1, []))
        columns = self._columns(first)
        while columns and not columns[-1]:
            columns.pop()
        self._check_columns(columns)
        rows = []
        seen: Counter[str] = Counter()
        for number, cells in lines:
            if any(cell.strip() for cell in cells):
                if not self.multiline:
                    self._check_line_breaks(number, cells, columns, delimiter)
                rows.append(self._row(number, cells, columns, seen))
        return rows

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

    def _lines(self, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        # newline="": the line breaks inside quotes stay what they are.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise BadFile(
                    f"{self.path}, line {number}: a quote is not where it should be, or opens and"
                    f" is never closed ({error}); nothing was done"
                ) from error
            if cells:
                yield number, cells

    def _check_columns(self, columns: Sequence[str]) -> None:
        known = {*self.allowed, *IGNORED_COLUMNS}
        faults = [f"no column {name!r}" for name in self.required if name not in columns]
        faults += [f"unknown column {name!r}" for name in columns if name not in known]
        faults += [
            f"two columns {name!r}" for name in dict.fromkeys(columns) if columns.count(name) > 1
        ]
        if faults:
            raise BadFile(f"{self.path}: {', '.join(faults)}; known: {', '.join(self.allowed)}")

    def _check_line_breaks(
        self, number: int, cells: Sequence[str], columns: Sequence[str], delimiter: str
    ) -> None:
        for cell in cells:
            lines = io.StringIO(cell, newline=None).read().split("\n")
            if len(lines) > MAX_LINES_IN_A_CELL or any(
                self._looks_like_a_row(line, columns, delimiter) for line in lines[1:]
            ):
                more = "1 more line" if len(lines) == 2 else f"{len(lines) - 1} more lines"
                raise BadFile(
                    f"{self.path}, line {number}: a quote opens, and the cell goes on for {more},"
                    " as if it were never closed; nothing was done. Close the quote, or double it"
                    " if it is part of the text; if the lines are, give --multiline"
                )

    def _looks_like_a_row(self, line: str, columns: Sequence[str], delimiter: str) -> bool:
        # Prose has a space after a comma; a row has something in each column that it must have.
        cells = line.split(delimiter)
        by_name = dict(zip(columns, cells, strict=False))
        return (
            len(cells) == len(columns)
            and all(by_name[name] for name in self.required)
            and all(cell == cell.strip() for cell in cells)
        )

    def _row(
        self, number: int, cells: Sequence[str], columns: Sequence[str], seen: Counter[str]
    ) -> CsvRow:
        by_name = {
            name: cell
            for name, cell in zip(columns, cells, strict=False)
            if cell != "" and name not in IGNORED_COLUMNS
        }
        fault = None
        if len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            fault = f"has {len(cells)} cells, the first line has {len(columns)}"
        elif blank := [name for name in self.required if not by_name.get(name, "").strip()]:
            fault = ", ".join(f"{name} is blank" for name in blank)
        # The same row twice is meant twice, so the second one is another one.
        content = json.dumps([by_name, fault], sort_keys=True)
        seen[content] += 1
        key = sha256(f"{seen[content]} {content}".encode(errors="surrogatepass")).hexdigest()[:20]
        return CsvRow(number, by_name, key, fault)
