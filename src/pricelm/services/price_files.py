"""Files of predicted prices: a draft that grows by chunks and can be cut back to any of them.

Text formats are their own draft; zipped, every chunk is a gzip member of its own. A Parquet file ends in a
table of contents and cannot be taken up again, so its draft is a stream of Arrow messages until all is there.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricelm.core.errors import ConfigError, DataError, ReadError

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
_ROW_GROUP_BYTES = 32 << 20
_NO_DRAFT = (
    pa.ArrowException,
    csv.Error,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    StopIteration,
    ValueError,
)


@dataclass(frozen=True)
class PriceFormat:
    """How prices are written.

    Parameters
    ----------
    kind : {"csv", "jsonl", "parquet"}
        The format.
    zipped : bool, default False
        Whether the text is compressed with gzip.
    """

    kind: Literal["csv", "jsonl", "parquet"]
    zipped: bool = False


def price_format(path: Path) -> PriceFormat:
    """Return the format that goes by the suffix of ``path``.

    Raises
    ------
    ConfigError
        If none does.

    Examples
    --------
    >>> price_format(Path("prices.csv.GZ"))
    PriceFormat(kind='csv', zipped=True)
    """
    name = path.name.lower()
    zipped = name.endswith(".gz")
    plain = name.removesuffix(".gz")
    if plain.endswith(".csv"):
        return PriceFormat("csv", zipped)
    if plain.endswith(".jsonl"):
        return PriceFormat("jsonl", zipped)
    if name.endswith(".parquet"):
        return PriceFormat("parquet")
    raise ConfigError(f"expected an output file that ends in {', '.join(SUFFIXES)}, got {path.name!r}")


class PriceDraft:
    """A file of prices that is being written; frames are appended to what is there already.

    Parameters
    ----------
    path : pathlib.Path
        The draft, new or cut back to the end of a chunk.
    form : PriceFormat
        What it will become.

    Raises
    ------
    ReadError
        If what is there is no such draft.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "draft"
    >>> draft = PriceDraft(path, PriceFormat("jsonl"))
    >>> size = draft.append(pd.DataFrame({"row": [1], "predicted_price": [9.5]}))
    >>> draft.close()
    >>> path.read_text().strip(), size
    ('{"row": 1, "predicted_price": 9.5}', 35)
    """

    def __init__(self, path: Path, form: PriceFormat) -> None:
        self._form = form
        self._schema: pa.Schema | None = None
        self._columns: list[str] | None = None
        if path.exists() and path.stat().st_size:
            try:
                self._remember_columns(path)
            except _NO_DRAFT as error:
                raise ReadError(f"{path}: expected a draft of prices, got {error}; remove it") from error
        # without a buffer, which would try once more to write to a full disk when it is closed
        self._file = path.open("ab", buffering=0)

    def append(self, frame: pd.DataFrame) -> int:
        """Write the rows of a frame to the disk and return the size of the draft, in bytes.

        Raises
        ------
        DataError
            If the format has one set of columns and the frame brings a new one, or one of another kind.
        """
        if self._form.kind == "parquet":
            block = self._messages(frame)
        else:
            block = self._text(frame).encode("utf-8", errors="replace")
            if self._form.zipped:
                block = gzip.compress(block, mtime=0)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _remember_columns(self, path: Path) -> None:
        if self._form.kind == "parquet":
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                self._schema = stream.schema
            self._columns = self._schema.names
        elif self._form.kind == "csv":
            with _bytes_of(path, self._form.zipped) as raw:
                self._columns = next(csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline="")))

    def _text(self, frame: pd.DataFrame) -> str:
        if self._form.kind == "jsonl":
            plain = frame.astype(object).where(frame.notna(), None)
            records = (json.dumps(one, ensure_ascii=False, default=str) for one in plain.to_dict("records"))
            return "".join(f"{record}\n" for record in records)
        first = self._columns is None
        ordered = self._in_order(frame)
        return str(ordered.to_csv(index=False, header=first, lineterminator="\n"))

    def _messages(self, frame: pd.DataFrame) -> bytes:
        sink = io.BytesIO()
        if self._schema is None:
            self._schema = pa.schema([(str(name), _arrow_type(frame[name])) for name in frame.columns])
            sink.write(self._schema.serialize())
        ordered = self._in_order(frame)
        columns = [_arrow_column(ordered[field.name], field) for field in self._schema]
        if len(ordered):
            sink.write(pa.RecordBatch.from_arrays(columns, schema=self._schema).serialize())
        return sink.getvalue()

    def _in_order(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self._columns is None:
            self._columns = [str(name) for name in frame.columns]
        new = [str(name) for name in frame.columns if str(name) not in self._columns]
        if new:
            raise DataError(
                f"the column {new[0]!r} comes up only after the first listings, and a file of one set of "
                "columns is begun; write a .jsonl file, or leave --keep-columns out"
            )
        return frame.reindex(columns=self._columns)


def finish_draft(draft: Path, form: PriceFormat, place: Path) -> Path:
    """Make a finished draft into a file of its format.

    Parameters
    ----------
    draft : pathlib.Path
        The draft, closed.
    form : PriceFormat
        Its format.
    place : pathlib.Path
        Where a Parquet file may be written.

    Returns
    -------
    pathlib.Path
        The finished file: ``place`` for Parquet, and the draft itself for text.
    """
    if form.kind != "parquet":
        return draft
    with (
        pa.OSFile(str(draft)) as file,
        pa.ipc.open_stream(file) as stream,
        pq.ParquetWriter(place, stream.schema) as writer,
    ):
        waiting: list[pa.RecordBatch] = []
        for batch in stream:
            waiting.append(batch)
            if sum(one.nbytes for one in waiting) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    with place.open("rb+") as file:
        os.fsync(file.fileno())
    return place


def write_frame(frame: pd.DataFrame, path: Path, form: PriceFormat) -> None:
    """Write a table that is in memory as a whole.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.
    path : pathlib.Path
        The new file; its own name may end otherwise.
    form : PriceFormat
        The format.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "table"
    >>> write_frame(pd.DataFrame({"sku": ["a"], "price": [9.5]}), path, PriceFormat("csv"))
    >>> path.read_text().split()
    ['sku,price', 'a,9.5']
    """
    place = path if form.kind != "parquet" else path.with_name(f"{path.name}.draft")
    try:
        draft = PriceDraft(place, form)
        draft.append(frame)
        draft.close()
        finish_draft(place, form, path)
    finally:
        if place != path:
            place.unlink(missing_ok=True)


def _bytes_of(path: Path, zipped: bool) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _arrow_type(column: pd.Series) -> pa.DataType:
    if pd.api.types.is_bool_dtype(column.dtype):
        return pa.bool_()
    if pd.api.types.is_integer_dtype(column.dtype):
        return pa.int64()
    if pd.api.types.is_float_dtype(column.dtype):
        return pa.float64()
    return pa.string()


def _arrow_column(column: pd.Series, field: pa.Field) -> pa.Array:
    if field.type == pa.string():
        column = column.astype(object).where(column.notna(), None)
        texts = [value if value is None else str(value) for value in column]
        try:
            return pa.array(texts, pa.string())
        except UnicodeEncodeError:  # half of a character, which JSON can hold and UTF-8 cannot
            halved = [text and text.encode("utf-8", errors="replace").decode() for text in texts]
            return pa.array(halved, pa.string())
    try:
        return pa.array(column, from_pandas=True).cast(field.type)
    except (pa.ArrowException, TypeError) as error:
        raise DataError(
            f"the column {field.name!r} begins with values of type {field.type} and goes on with "
            f"others ({error}); write a .csv or .jsonl file, which take both"
        ) from error
