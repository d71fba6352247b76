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
        self._beside = beside
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
        self.counts.update(reason_kinds(rejected))
        try:
            append_rejected(self._draft, rejected)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> Self:
        rejected_place(self._beside)
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
        else:
            publish_rejected(self._draft, self.path)


def rejected_place(beside: Path) -> Path:
    """Return where the rejected rows of an output go.

    Raises
    ------
    OutputError
        If a file of another kind has that name.
    """
    path = beside.parent / FILE_NAME
    if path.exists() and not _is_ours(path):
        raise OutputError(
            f"expected to write the rows that cannot be used to {path}, but a file of another kind "
            "has that name; move it, or write the output to another folder"
        )
    return path


def publish_rejected(draft: Path, path: Path) -> Path | None:
    """Let a draft take its place and return that; without a draft, remove what is left of an earlier run."""
    if draft.exists():
        return draft.replace(path)
    path.unlink(missing_ok=True)
    return None


def reason_kinds(rejected: pd.DataFrame) -> Counter[str]:
    """Count rejected rows by the part of their reason that does not differ from row to row.

    Examples
    --------
    >>> reason_kinds(pd.DataFrame({"reason": ["too few fields: 1", "too few fields: 2"]}))
    Counter({'too few fields': 2})
    """
    return Counter(str(reason).split(":")[0] for reason in rejected["reason"])


def _is_ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() == _HEADER
    except OSError:
        return False
