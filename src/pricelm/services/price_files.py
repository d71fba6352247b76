"""Files of predicted prices: CSV, JSON Lines or Parquet, written chunk by chunk."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricelm.core.errors import ConfigError, DataError

SUFFIXES = (".csv", ".jsonl", ".parquet")


class PriceFile(Protocol):
    """A file that frames are appended to; a context manager that closes it."""

    def append(self, frame: pd.DataFrame) -> None:
        """Write the rows of a frame, which has the same columns every time."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_suffix(path: Path) -> None:
    """Raise ConfigError if no format goes by the suffix of ``path``."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"expected an output file that ends in {', '.join(SUFFIXES)}, got {path.name!r}")


def open_price_file(draft: Path, suffix: str) -> PriceFile:
    """Open a file for predicted prices.

    Parameters
    ----------
    draft : pathlib.Path
        The file to write.
    suffix : str
        ``".csv"``, ``".jsonl"`` or ``".parquet"``; the draft's own name may end otherwise.

    Returns
    -------
    PriceFile
        Opened for writing.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "prices.jsonl"
    >>> with open_price_file(path, ".jsonl") as file:
    ...     file.append(pd.DataFrame({"row": [1], "predicted_price": [9.5]}))
    >>> path.read_text().strip()
    '{"row": 1, "predicted_price": 9.5}'
    """
    return _ParquetFile(draft) if suffix.lower() == ".parquet" else _TextFile(draft, suffix.lower() == ".csv")


class _TextFile:
    def __init__(self, path: Path, separated: bool) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._separated = separated

    def append(self, frame: pd.DataFrame) -> None:
        if self._separated:
            frame.to_csv(self._file, index=False, header=self._file.tell() == 0, lineterminator="\n")
        else:
            plain = frame.astype(object).where(frame.notna(), None)
            for record in plain.to_dict("records"):
                self._file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class _ParquetFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def append(self, frame: pd.DataFrame) -> None:
        if self._writer is None:
            fields = [(str(name), _arrow_type(frame[name])) for name in frame.columns]
            self._writer = pq.ParquetWriter(self._path, pa.schema(fields))
        columns = [_arrow_column(frame[field.name], field) for field in self._writer.schema]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()


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
        return pa.array([value if value is None else str(value) for value in column], pa.string())
    try:
        return pa.array(column, from_pandas=True).cast(field.type)
    except pa.ArrowException as error:
        raise DataError(
            f"the column {field.name!r} begins with values of type {field.type} and goes on with "
            f"others ({error}); write a .csv or .jsonl file, which take both"
        ) from error
