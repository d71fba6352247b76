"""JSON Lines as frames of strings, chunk by chunk; a broken line costs that line only."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from pricelm.catalog.encodings import TextBlocks
from pricelm.catalog.rows import Rejections, text_frame
from pricelm.catalog.streams import ReadLimits, check_columns
from pricelm.core.errors import LimitError


def json_chunks(
    blocks: TextBlocks, *, chunk_rows: int, limits: ReadLimits, source: object
) -> Iterator[pd.DataFrame]:
    """Yield the objects of a JSON Lines text as frames of strings.

    Numbers keep their digits as written, ``null`` and ``""`` become NaN, lists and objects become JSON text.

    Parameters
    ----------
    blocks : TextBlocks
        The decoded file.
    chunk_rows : int
        Rows a frame.
    limits : ReadLimits
        Limits on columns and fields.
    source : object
        Named in error messages.

    Yields
    ------
    pandas.DataFrame
        Columns in order of first appearance; index "row"; ``attrs["rejected"]`` holds the broken lines.

    Raises
    ------
    LimitError
        If a limit is passed.
    """
    # A dictionary keeps the order in which the keys came up.
    columns: dict[str, None] = {}
    numbers: list[int] = []
    records: list[dict[str, Any]] = []
    rejected = Rejections()
    lines = (line for block in blocks for line in io.StringIO(block, newline="") if not line.isspace())
    for row, line in enumerate(lines, start=1):
        record = _record(line)
        if isinstance(record, str):
            rejected.add(row, "", line, record)
        else:
            _check_fields(record, line, row, limits, source)
            columns.update(dict.fromkeys(record))
            check_columns(len(columns), source, limits)
            numbers.append(row)
            records.append(record)
        if len(records) == chunk_rows or len(rejected) == chunk_rows:
            yield _frame(columns, records, numbers, rejected, blocks.encoding)
            numbers, records, rejected = [], [], Rejections()
    if records or rejected:
        yield _frame(columns, records, numbers, rejected, blocks.encoding)


def _record(line: str) -> dict[str, Any] | str:
    """Return a line's object with text values, or the reason why there is none."""
    try:
        value = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        return f"not JSON: {getattr(error, 'msg', error)}"
    except RecursionError:
        return "not JSON: nested too deeply"
    if not isinstance(value, dict):
        return "not a JSON object"
    return {key.strip(): _as_text(item) for key, item in value.items()}


def _as_text(item: Any) -> str:
    if isinstance(item, str):
        return item
    if item is None:
        return ""
    return json.dumps(item, ensure_ascii=False)


def _check_fields(record: dict[str, Any], line: str, row: int, limits: ReadLimits, source: object) -> None:
    if len(line) <= limits.max_field_chars:
        return
    for name, text in record.items():
        if len(text) > limits.max_field_chars:
            raise LimitError(
                f"{source}, row {row}: expected fields of at most {limits.max_field_chars:,} characters, got "
                f"{len(text):,} in {name!r}. Remove it, or raise ReadLimits(max_field_chars=...)"
            )


def _frame(
    columns: dict[str, None],
    records: list[dict[str, Any]],
    numbers: list[int],
    rejected: Rejections,
    encoding: str,
) -> pd.DataFrame:
    frame = text_frame({name: [record.get(name, "") for record in records] for name in columns}, numbers)
    frame.attrs["rejected"] = rejected
    frame.attrs["encoding"] = encoding
    return frame
