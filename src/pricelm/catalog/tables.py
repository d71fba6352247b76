"""Typed files as frames, chunk by chunk: Parquet and Excel workbooks."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.catalog.rows import Rejections, row_index, unique_names
from pricelm.catalog.streams import ReadLimits, check_columns, check_expansion, check_size
from pricelm.core.errors import DataError, ReadError
from pricelm.core.extras import require


def parquet_chunks(path: Path, *, chunk_rows: int, limits: ReadLimits) -> Iterator[pd.DataFrame]:
    """Yield the rows of a Parquet file as frames with the file's types.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    chunk_rows : int
        Rows a frame; row groups may be of any size.
    limits : ReadLimits
        Limits on columns and expansion.

    Yields
    ------
    pandas.DataFrame
        Index "row" counts from 1; dictionary columns become plain values.

    Raises
    ------
    ReadError
        If the file is truncated or damaged.
    LimitError
        If a limit is passed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 1
    try:
        with pq.ParquetFile(path) as file:
            check_columns(len(file.schema_arrow.names), path, limits)
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            expanded = sum(group.total_byte_size for group in groups)
            check_expansion(path.stat().st_size, expanded, path, limits)
            for batch in file.iter_batches(batch_size=chunk_rows):
                frame = _plain(batch.to_pandas(ignore_metadata=True))
                frame.index = row_index(range(first, first + len(frame)))
                first += len(frame)
                if len(frame):
                    yield frame
    except (pa.ArrowException, OSError) as error:
        raise ReadError(
            f"{path}: expected a complete Parquet file, but it is truncated or damaged ({error}). Copy or "
            "write the file again"
        ) from error


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    frame.columns = pd.Index(unique_names(frame.columns))
    for name in frame.columns:
        dtype = frame[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(dtype.categories.dtype)
    frame.attrs["rejected"] = Rejections()
    return frame


def excel_chunks(path: Path, *, chunk_rows: int, limits: ReadLimits) -> Iterator[pd.DataFrame]:
    """Yield the rows of a workbook's first sheet as frames; its first filled row is the header.

    Parameters
    ----------
    path : pathlib.Path
        An .xlsx file.
    chunk_rows : int
        Rows a frame.
    limits : ReadLimits
        Limits on size, columns and expansion.

    Yields
    ------
    pandas.DataFrame
        Numbers, dates and text as in the sheet; index "row" counts filled rows below the header from 1.

    Raises
    ------
    ReadError
        If the file is damaged or no workbook.
    LimitError
        If a limit is passed, for example by a zip bomb.
    MissingExtraError
        If openpyxl is not installed.
    """
    openpyxl = require("openpyxl", extra="excel", purpose="read Excel workbooks")
    try:
        _check_archive(path, limits)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except DataError:
        raise
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through, by no common base
        raise _broken_workbook(path, error) from error
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        yield from _sheet_chunks(sheet, path, chunk_rows, limits)
    finally:
        book.close()


def _check_archive(path: Path, limits: ReadLimits) -> None:
    with zipfile.ZipFile(path) as archive:
        expanded = sum(member.file_size for member in archive.infolist())
    check_size(expanded, path, limits)
    check_expansion(path.stat().st_size, expanded, path, limits)


def _broken_workbook(path: Path, error: Exception) -> ReadError:
    return ReadError(
        f"{path}: expected an Excel workbook (.xlsx), but it is damaged or something else "
        f"({type(error).__name__}: {error}). Save it again from Excel, or export it as CSV"
    )


def _filled_rows(sheet: Any, path: Path) -> Iterator[tuple[Any, ...]]:
    rows = sheet.iter_rows(values_only=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # as above: damaged XML surfaces here, row by row
            raise _broken_workbook(path, error) from error
        if any(value is not None and value != "" for value in row):
            yield row


def _sheet_chunks(sheet: Any, path: Path, chunk_rows: int, limits: ReadLimits) -> Iterator[pd.DataFrame]:
    rows = _filled_rows(sheet, path)
    header = list(next(rows, ()))
    while header and header[-1] is None:
        header.pop()
    if not header:
        raise DataError(f"{path} is empty: expected a header row and rows below it")
    check_columns(len(header), path, limits)
    columns, width, number = unique_names(header), len(header), 0
    while batch := list(islice(rows, chunk_rows)):
        kept: list[tuple[Any, ...]] = []
        numbers: list[int] = []
        rejected = Rejections()
        for row in batch:
            number += 1
            if any(value is not None for value in row[width:]):
                reason = f"too many fields: {len(row)}, expected {width}"
                rejected.add(number, "", ", ".join(str(value) for value in row), reason)
                continue
            kept.append((*row[:width], *(None,) * (width - len(row))))
            numbers.append(number)
        frame = pd.DataFrame(kept, columns=columns, index=row_index(numbers))
        frame.attrs["rejected"] = rejected
        yield frame
