"""The tables of the tuning benchmark: one line a method, from rows whose case is ``SET, equal X: METHOD``."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Row
from benchmarks.tables import Table, bar_table, markdown, number, plain, with_interval

_BETWEEN = ": "
_DIGITS = {"trained_parameters": 0, "epochs": 0, "peak_memory_mb": 0, "seconds": 0, "trained_mb": 2}
_COLUMNS = {
    "epochs": "epochs",
    "rmsle": "RMSLE",
    "gain_over_first": "gain over the first",
    "trained_parameters": "tuned weights",
    "seconds": "s to tune",
    "seconds_per_1000_predictions": "s per 1,000",
    "peak_memory_mb": "peak MB",
    "model_mb": "saved MB",
    "trained_mb": "tuned MB",
}


def panels_of(rows: Sequence[Row]) -> list[str]:
    """Return the sets and conditions that methods were compared under, in order."""
    return list(dict.fromkeys(row.case.split(_BETWEEN)[0] for row in rows if _BETWEEN in row.case))


def panel_table(rows: Sequence[Row], panel: str) -> Table:
    """Return one line a method of one panel."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        case, _, method = row.case.partition(_BETWEEN)
        if case == panel and method:
            lines.setdefault(method, {})[row.metric] = _cell(row)
    body = [[method, *(cells.get(metric, "-") for metric in _COLUMNS)] for method, cells in lines.items()]
    return [["method", *_COLUMNS.values()], *body]


def _cell(row: Row) -> str:
    if row.ours is None:
        return next(iter(map(str, row.peers.values())), "-")
    if row.metric in _DIGITS or row.metric.endswith("_mb"):
        return f"{row.ours:,.{_DIGITS.get(row.metric, 1)}f}"
    return with_interval(row) if row.interval else number(row.ours, row.metric)


def tuning_tables(rows: Sequence[Row]) -> str:
    """Return everything that the tuning benchmark measured, for a terminal."""
    parts = [f"{panel}\n{plain(panel_table(rows, panel))}" for panel in panels_of(rows)]
    return "\n\n".join([*parts, plain(bar_table(rows))])


def tuning_sections(rows: Sequence[Row]) -> list[str]:
    """Return the same as paragraphs of Markdown."""
    parts = []
    for panel in panels_of(rows):
        parts += [f"### {panel}", markdown(panel_table(rows, panel))]
    return [*parts, "### Bars of tuning", markdown(bar_table(rows))]
