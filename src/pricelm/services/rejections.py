"""rejected.csv: the rows that could not be used, beside the output that they are missing from."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from pricelm.catalog.validation import append_rejected
from pricelm.core.errors import OutputError
from pricelm.services.outputs import cannot_write

FILE_NAME = "rejected.csv"
_HEADER = "row,column,value,reason"


class RejectedRows:
    """Collects rejected rows while a command runs; the file appears when the command has ended well.

    A file of an earlier run is replaced, or removed when nothing was rejected this time, so that
    ``rejected.csv`` always tells of the output beside it.

    Parameters
    ----------
    beside : pathlib.Path
        The output; the file stands in the same folder.

    Attributes
    ----------
    counts : collections.Counter
        Rows by reason.
    path : pathlib.Path
        Where the file will be.

    Raises
    ------
    OutputError
        If another kind of file has the name, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> output = Path(tempfile.mkdtemp()) / "prices.csv"
    >>> with RejectedRows(output) as rejected:
    ...     rejected.add(pd.DataFrame([{"row": 3, "column": "price", "value": "?", "reason": "no number"}]))
    >>> rejected.written.name, dict(rejected.counts)
    ('rejected.csv', {'no number': 1})
    """

    def __init__(self, beside: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.path = beside.parent / FILE_NAME
        self._draft = self.path.with_name(f".{FILE_NAME}-{os.getpid()}.part")

    @property
    def written(self) -> Path | None:
        """The file, or None if no row was rejected."""
        return self.path if self.counts else None

    def add(self, rejected: pd.DataFrame) -> None:
        """Add rows with the columns row, column, value and reason."""
        if rejected.empty:
            return
        self.counts.update(rejected["reason"].str.split(":").str[0].tolist())
        try:
            append_rejected(self._draft, rejected)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> Self:
        if self.path.exists() and not self._is_ours():
            raise OutputError(
                f"expected to write the rows that cannot be used to {self.path}, but a file of another kind "
                "has that name; move it, or write the output to another folder"
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._draft.unlink(missing_ok=True)
        elif self.counts:
            self._draft.replace(self.path)
        else:
            self.path.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                return file.readline().strip() == _HEADER
        except OSError:
            return False
