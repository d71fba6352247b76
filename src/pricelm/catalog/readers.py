"""Listings in: CSV, TSV, JSON Lines, Parquet, Excel and SQL, by chunks, never whole in memory.

Reading interprets nothing: text stays text, and what a price or a date is decides the rest of the room.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pandas as pd

from pricelm.catalog.delimited import delimited_chunks
from pricelm.catalog.encodings import TextBlocks
from pricelm.catalog.jsonlines import json_chunks
from pricelm.catalog.rows import Rejections
from pricelm.catalog.streams import ReadLimits, byte_blocks, check_size
from pricelm.catalog.tables import excel_chunks, parquet_chunks
from pricelm.core.errors import ConfigError, DataError, ReadError

__all__ = ["ReadLimits", "read_chunks", "read_listings"]

_PARQUET_MAGIC = b"PAR1"
_ZIP_MAGIC = b"PK\x03\x04"
_OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"
_FORMATS = "CSV, TSV, JSON Lines, Parquet or xlsx"


def read_chunks(
    source: str | Path,
    *,
    query: str | None = None,
    chunk_rows: int = 50_000,
    limits: ReadLimits = ReadLimits(),
) -> Iterator[pd.DataFrame]:
    """Yield a file's or query's rows as frames.

    The format follows the content where it is unmistakable (gzip, Parquet, xlsx) and the suffix otherwise:
    ``.csv .tsv .txt .jsonl .ndjson``, each also with ``.gz``. Text may be UTF-8, UTF-16, GB18030 or
    Windows-1252; the delimiter may be a comma, tab, semicolon or vertical bar.

    Parameters
    ----------
    source : str or pathlib.Path
        A file, or a SQLAlchemy URL (it holds ``://``).
    query : str, optional
        SQL query; needed with a URL and refused with a file.
    chunk_rows : int, default 50_000
        Most rows a frame.
    limits : ReadLimits
        Limits on sizes.

    Yields
    ------
    pandas.DataFrame
        Index "row" is the 1-based number of the data row (blank lines are not rows). Text formats give
        strings, with NaN for empty fields only; Parquet, Excel and SQL keep their types.
        ``attrs["rejected"]`` lists ragged or broken rows as dictionaries with row, column, value, reason.

    Raises
    ------
    ReadError
        If the source is missing, truncated, binary or of an unknown format.
    LimitError
        If a limit is passed.
    DataError
        If there is no row at all.
    ConfigError
        If ``query`` and ``source`` do not go together, or ``chunk_rows`` is below 1.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "listings.csv"
    >>> _ = path.write_text("title,price\\nred shirt,9.50\\nblue shirt\\n")
    >>> [chunk] = read_chunks(path)
    >>> chunk["price"].to_dict(), chunk.attrs["rejected"][0]["reason"]
    ({1: '9.50'}, 'too few fields: 1, expected 2')
    """
    if chunk_rows < 1:
        raise ConfigError(f"expected chunk_rows of at least 1, got {chunk_rows}")
    seen = False
    for frame in _frames(source, query, chunk_rows, limits):
        seen = True
        yield frame
    if not seen:
        raise DataError(f"{shown_source(source)} is empty: expected rows below the header, got none")


def read_listings(
    source: str | Path, *, query: str | None = None, limits: ReadLimits = ReadLimits()
) -> pd.DataFrame:
    """Read a whole file or query into one frame; see :func:`read_chunks`.

    Parameters
    ----------
    source : str or pathlib.Path
        A file, or a SQLAlchemy URL.
    query : str, optional
        SQL query, with a URL.
    limits : ReadLimits
        Limits on sizes.

    Returns
    -------
    pandas.DataFrame
        All rows, index "row"; ``attrs["rejected"]`` lists every ragged or broken row.

    Raises
    ------
    DataError
        As :func:`read_chunks`, and if every row is rejected.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "listings.tsv"
    >>> _ = path.write_text("title\\tprice\\nred shirt\\t9.50\\n")
    >>> read_listings(path).shape
    (1, 2)
    """
    frames: list[pd.DataFrame] = []
    rejected = Rejections()
    encoding = ""
    for frame in read_chunks(source, query=query, limits=limits):
        rejected.extend(frame.attrs.pop("rejected"))
        encoding = frame.attrs.pop("encoding", "")
        frames.append(frame)
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        first = rejected[0]
        raise DataError(
            f"{shown_source(source)}: all {len(rejected):,} rows were rejected, the first because of "
            f"{first['reason']!r}. Check the delimiter and the header"
        )
    listings = pd.concat(filled)
    listings.attrs["rejected"] = rejected
    if encoding:
        listings.attrs["encoding"] = encoding
    return listings


def _frames(
    source: str | Path, query: str | None, chunk_rows: int, limits: ReadLimits
) -> Iterator[pd.DataFrame]:
    if isinstance(source, str) and "://" in source:
        if not query:
            raise ConfigError(
                f"{shown_source(source)}: expected a SQL query with a database address, got none"
            )
        from pricelm.catalog.sql import sql_chunks

        return sql_chunks(source, query, chunk_rows=chunk_rows, limits=limits)
    if query is not None:
        raise ConfigError(f"expected a database address with a query, got the file {str(source)!r}")
    path = Path(source)
    head = _head(path, limits)
    if head.startswith(_PARQUET_MAGIC):
        return parquet_chunks(path, chunk_rows=chunk_rows, limits=limits)
    if head.startswith(_ZIP_MAGIC):
        return excel_chunks(path, chunk_rows=chunk_rows, limits=limits)
    if head.startswith(_OLD_EXCEL_MAGIC):
        raise ReadError(f"{path}: expected {_FORMATS}, got an old or encrypted Excel file. Save it as .xlsx")
    return _text_frames(path, chunk_rows, limits)


def _head(path: Path, limits: ReadLimits) -> bytes:
    if path.is_dir():
        raise ReadError(f"{path}: expected a file, got a directory. Name one file in it")
    if not path.is_file():
        raise ReadError(f"{path}: there is no such file. Check the path")
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path} is empty: expected a header line and rows below it, got 0 bytes")
    check_size(size, path, limits)
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror}). Check the permissions") from error


def _text_frames(path: Path, chunk_rows: int, limits: ReadLimits) -> Iterator[pd.DataFrame]:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    stream = byte_blocks(path, limits)
    first = next(stream, b"")
    if first.startswith((_PARQUET_MAGIC, _ZIP_MAGIC)):
        raise ReadError(f"{path}: Parquet and Excel files are compressed already. Decompress it first")
    preview = next(iter(TextBlocks([first], limits, path)), "").lstrip()
    if not preview:
        raise DataError(f"{path} is empty: expected a header line and rows below it, got blank lines")
    if preview.startswith("[") and suffix in (".json", ".jsonl", ".ndjson"):
        raise ReadError(f"{path}: expected one JSON object a line, got a JSON array. Write one object a line")
    blocks = TextBlocks(chain([first], stream), limits, path)
    if _is_json_lines(preview, suffix):
        return json_chunks(blocks, chunk_rows=chunk_rows, limits=limits, source=path)
    return delimited_chunks(blocks, suffix=suffix, chunk_rows=chunk_rows, limits=limits, source=path)


def _is_json_lines(preview: str, suffix: str) -> bool:
    lines = preview.splitlines()[:20]
    if suffix in (".jsonl", ".ndjson"):
        return any(line.lstrip().startswith("{") for line in lines)
    try:
        return isinstance(json.loads(lines[0]), dict)
    except (ValueError, RecursionError):
        return False


def shown_source(source: str | Path) -> str:
    """Name a source without the password that a URL may hold.

    Examples
    --------
    >>> shown_source("postgresql://shop:secret@host/db"), shown_source("products.csv")
    ('postgresql://...', 'products.csv')
    """
    text = str(source)
    return text.split("://", 1)[0] + "://..." if "://" in text else text
