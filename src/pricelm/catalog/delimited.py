"""CSV and its relatives as frames, chunk by chunk, with every ragged row kept and counted.

The standard library's parser is used because it says where a record begins and ends. That keeps the row
numbers right and lets a stray quote cost one row instead of the rest of the file.
"""

from __future__ import annotations

import csv
import io
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Literal

import pandas as pd

from pricelm.catalog.encodings import TextBlocks
from pricelm.catalog.rows import Rejections, text_frame, unique_names
from pricelm.catalog.streams import ReadLimits, check_columns
from pricelm.core.errors import DataError, LimitError

_DELIMITERS = (",", "\t", ";", "|")
_SNIFFED_ROWS = 50
_SNIFFED_CHARS = 1 << 18
_LONG_LINE_CHARS = 1 << 20
_field_limit_lock = threading.Lock()


def delimited_chunks(
    blocks: TextBlocks, *, suffix: str, chunk_rows: int, limits: ReadLimits, source: object
) -> Iterator[pd.DataFrame]:
    """Yield the rows of a delimited text as frames of strings.

    Parameters
    ----------
    blocks : TextBlocks
        The decoded file.
    suffix : str
        The file's suffix; ``".tsv"`` prefers the tab, any other the comma, when several delimiters fit.
    chunk_rows : int
        Rows a frame.
    limits : ReadLimits
        Limits on columns, fields and lines.
    source : object
        Named in error messages.

    Yields
    ------
    pandas.DataFrame
        Columns of str, NaN for empty fields; index "row"; ``attrs["rejected"]`` holds the ragged rows.

    Raises
    ------
    DataError
        If there is no header.
    LimitError
        If a limit is passed.
    """
    stream = iter(blocks)
    first = next((block for block in stream if block.strip()), "")
    with _long_fields(limits):
        delimiter = sniff_delimiter(first[:_SNIFFED_CHARS], suffix)
    records = _Records(_Lines(chain([first], stream), delimiter, limits, source), delimiter, limits, source)
    with _long_fields(limits):
        header = records.header()
    while not records.finished:
        with _long_fields(limits):
            numbers, rows, rejected = records.take(chunk_rows)
        if numbers or rejected:
            columns = zip(*rows, strict=True) if rows else ([] for _ in header)
            frame = text_frame(dict(zip(header, columns, strict=True)), numbers)
            frame.attrs["rejected"] = rejected
            frame.attrs["encoding"] = blocks.encoding
            yield frame


def sniff_delimiter(sample: str, suffix: str) -> str:
    """Choose the delimiter that splits the first rows into the most regular table.

    Examples
    --------
    >>> sniff_delimiter("title;price\\nTea, green;1,50\\n", ".csv")
    ';'
    """
    preferred = "\t" if suffix == ".tsv" else ","
    best, best_score = preferred, (0.0, 0, False)
    for delimiter in _DELIMITERS:
        widths: list[int] = []
        # A field over the limit ends the sample here; reading the rows tells about it.
        with suppress(csv.Error):
            for row in islice(
                csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), _SNIFFED_ROWS
            ):
                widths += [len(row)] if row else []
        # A cut through the sample leaves its last row incomplete.
        body = widths[1:-1] or widths[1:]
        if not widths or widths[0] < 2:
            continue
        share = sum(width == widths[0] for width in body) / len(body) if body else 1.0
        score = (round(share, 1), widths[0], delimiter == preferred)
        if score > best_score:
            best, best_score = delimiter, score
    return best


@contextmanager
def _long_fields(limits: ReadLimits) -> Iterator[None]:
    """Lift the parser's own limit of 128 KiB a field; it is one number for the whole process."""
    with _field_limit_lock:
        before = csv.field_size_limit(limits.max_field_chars)
        try:
            yield
        finally:
            csv.field_size_limit(before)


class _Lines:
    """Feeds physical lines to the parser, remembers those of the current record and takes them back."""

    def __init__(self, blocks: Iterable[str], delimiter: str, limits: ReadLimits, source: object) -> None:
        self._fresh = (line for block in blocks for line in self._split(block))
        self._again: deque[str] = deque()
        self._chars = 0
        self._delimiter, self._limits, self._source = delimiter, limits, source
        self.taken: list[str] = []
        self.single = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._fresh)
        if self.taken:
            self._chars += len(line)
            if self._chars > self._limits.max_line_bytes:
                self._again.appendleft(line)
                raise csv.Error("a quoted record never ends")
        else:
            self._chars = len(line)
        self.taken.append(line)
        return line

    def first_of_record(self) -> str:
        """Return the record's first line and take its other lines back.

        Those between the first and the last are to be read one by one: were each of them free to open a
        record again, a file of stray quotes would take quadratic time.
        """
        first, *others = self.taken
        self._again.extendleft(reversed(others))
        self.single = max(self.single, len(others) - 1)
        return first

    def next_single(self) -> str:
        """Return the next line that has to be read by itself."""
        self.single -= 1
        return self._again.popleft()

    def _split(self, block: str) -> Iterator[str]:
        lines = io.StringIO(block, newline="")
        if len(block) > _LONG_LINE_CHARS:
            return map(self._checked, lines)
        return lines

    def _checked(self, line: str) -> str:
        """Stop before millions of fields are built; bounded work even if there are millions of quotes."""
        if len(line) > _LONG_LINE_CHARS:
            outside = line.split('"', 400_000)[::2]
            check_columns(
                sum(part.count(self._delimiter) for part in outside) + 1, self._source, self._limits
            )
        return line


class _Records:
    """Reads records of one width and explains those of another."""

    def __init__(self, lines: _Lines, delimiter: str, limits: ReadLimits, source: object) -> None:
        self._lines = lines
        # Strict, so that a quote inside a field is an error to look at and not a field that eats the file.
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._delimiter, self._limits, self._source = delimiter, limits, source
        self._width = 0
        self._row = 0
        self.finished = False

    def header(self) -> list[str]:
        fields: list[str] = []
        while not fields and not self.finished:
            fields = self._next()
        if not any(field.strip() for field in fields):
            raise DataError(f"{self._source} is empty: expected a header line and rows below it")
        check_columns(len(fields), self._source, self._limits)
        self._width = len(fields)
        return unique_names(fields)

    def take(self, count: int) -> tuple[list[int], list[list[str]], Rejections]:
        """Return row numbers, rows and rejected rows, until ``count`` of either is reached."""
        numbers: list[int] = []
        rows: list[list[str]] = []
        rejected = Rejections()
        while len(rows) < count and len(rejected) < count:
            fields = self._next()
            if not fields:
                if self.finished:
                    break
                continue
            self._row += 1
            if len(fields) == self._width + 1 and not fields[-1]:
                fields.pop()
            if len(fields) == self._width:
                numbers.append(self._row)
                rows.append(fields)
            else:
                kind = "too many" if len(fields) > self._width else "too few"
                reason = f"{kind} fields: {len(fields)}, expected {self._width}"
                rejected.add(self._row, "", self._delimiter.join(fields), reason)
        return numbers, rows, rejected

    def _next(self) -> list[str]:
        """Return the next record's fields; none for a blank line or at the end."""
        if self._lines.single:
            line = self._lines.next_single().rstrip("\r\n")
            return self._fields(line, strict=True) or self._unpaired(line)
        self._lines.taken.clear()
        try:
            return next(self._reader)
        except StopIteration:
            self.finished = True
            return []
        except csv.Error:
            return self._unpaired(self._lines.first_of_record().rstrip("\r\n"))

    def _unpaired(self, line: str) -> list[str]:
        """Read a line whose quotes do not pair: leniently, or with quotes as plain characters."""
        lenient = self._fields(line)
        if len(lenient) == self._width:
            return lenient
        return self._fields(line, quoting=csv.QUOTE_NONE)

    def _fields(
        self, line: str, *, strict: bool = False, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    ) -> list[str]:
        """Return one line's fields; none if it is blank, or breaks the rules of quoting when strict."""
        reader = csv.reader([line], delimiter=self._delimiter, strict=strict, quoting=quoting)
        try:
            return next(reader, [])
        except csv.Error as error:
            if len(line) <= self._limits.max_field_chars:
                return []
            raise LimitError(
                f"{self._source}, row {self._row + 1}: expected fields of at most "
                f"{self._limits.max_field_chars:,} characters, got a longer one. Remove it, or raise "
                "ReadLimits(max_field_chars=...)"
            ) from error
