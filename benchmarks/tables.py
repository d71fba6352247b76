"""Benchmark rows as tables: columns for a terminal, Markdown for the documentation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.aggregate import ERROR_METRICS, GAIN_OVER, LANGUAGE_GAIN
from benchmarks.ours import OURS
from benchmarks.results import Row

Table = list[list[str]]

COSTS = ("seconds_to_train", "seconds_per_1000_predictions")
LABELS: dict[str, str] = {
    OURS: "pricelm (blend)",
    "median": "median guess",
    "ridge": "TF-IDF + ridge",
    "boosting": "TF-IDF + SVD + LightGBM",
    "trainer": "plain transformers Trainer",
    "autogluon": "AutoGluon tabular",
}
_HEADS = ["", "RMSLE", "R² of log price", "MAE", "MdAPE", "s to train", "s per 1,000"]


def number(value: float | str | None, metric: str) -> str:
    """Return a number as it is shown, by what it measures.

    Examples
    --------
    >>> number(0.12345, "rmsle"), number(0.256, "mdape"), number(1234.5, "mae"), number(None, "mae")
    ('0.1235', '25.6 %', '1,234', '-')
    """
    if isinstance(value, str):
        return value
    if value is None or math.isnan(value):
        return "-"
    if metric == "mdape" or metric.startswith("coverage"):
        return f"{100 * value:.1f} %"
    if metric in {"mae", "interval_width_price", "test_rows"} and abs(value) >= 1000:
        return f"{value:,.0f}"
    if metric in {"mae", "interval_width_price", *COSTS}:
        return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def with_interval(row: Row) -> str:
    """Return our number with its interval behind it, where it has one."""
    text = number(row.ours, row.metric)
    if row.interval is None or row.ours is None:
        return text
    low, high = (number(end, row.metric) for end in row.interval)
    return f"{text} [{low}, {high}]"


def cases_of(rows: Sequence[Row]) -> list[str]:
    """Return the names of the cases that predictors were compared on, in order."""
    return list(dict.fromkeys(row.case for row in rows if row.metric == "test_rows"))


def metrics_of(rows: Sequence[Row], case: str) -> dict[str, Row]:
    """Return the rows of a case by metric."""
    return {row.metric: row for row in rows if row.case == case}


def predictor_table(rows: Sequence[Row], case: str, labels: Mapping[str, str] = LABELS) -> Table:
    """Return one line a predictor: the errors, with our 95 % interval, and the costs."""
    by_metric = metrics_of(rows, case)
    columns = [by_metric[metric] for metric in (*ERROR_METRICS, *COSTS) if metric in by_metric]
    lines = [[labels[OURS], *(with_interval(row) for row in columns)]]
    for peer in columns[0].peers:
        values = [row.peers.get(peer) for row in columns]
        label = labels.get(peer, peer)
        if isinstance(values[0], str):
            lines.append([label, values[0], *[""] * (len(columns) - 1)])
        else:
            lines.append([label, *(number(row.peers.get(peer), row.metric) for row in columns)])
    return [list(_HEADS), *lines]


def gain_table(rows: Sequence[Row]) -> Table:
    """Return one line a comparison: what pricelm gains in RMSLE, and the word for it."""
    lines = []
    for row in rows:
        if row.metric.startswith(GAIN_OVER):
            other = row.metric.removeprefix(GAIN_OVER)
            lines.append([row.case, LABELS.get(other, other), with_interval(row), word(row)])
        elif row.metric == LANGUAGE_GAIN:
            lines.append([row.case, "itself without the language member", with_interval(row), word(row)])
    return [["set", "pricelm against", "gain in RMSLE", "pricelm is"], *lines]


def word(row: Row) -> str:
    """Return better, worse or equal for a gain: equal when its interval holds zero."""
    if row.interval is None:
        return "not measured"
    low, high = row.interval
    return "better" if low > 0 else "worse" if high < 0 else "equal"


def interval_table(rows: Sequence[Row]) -> Table:
    """Return one line a set: coverage and widths beside split conformal around the ridge."""
    lines = []
    for case in cases_of(rows):
        by_metric = metrics_of(rows, case)
        if "coverage_90" not in by_metric:
            continue
        cells = []
        for metric in ("coverage_90", "interval_width_log", "interval_width_price"):
            row = by_metric[metric]
            cells += [with_interval(row), *(number(value, metric) for value in row.peers.values())]
        lines.append([case, *cells])
    heads = ["set", "coverage", "ridge", "width of log price", "ridge", "width of price", "ridge"]
    return [heads, *lines]


def row_table(rows: Sequence[Row]) -> Table:
    """Return one line a row, with its peers in a column: for benchmarks of a few rows."""
    lines = []
    for row in rows:
        peers = ", ".join(f"{name} {number(value, row.metric)}" for name, value in row.peers.items())
        reached = {None: "", True: "yes", False: "NO"}[row.ok]
        lines.append([row.case, row.metric, with_interval(row), peers, row.bar or "", reached])
    return [["case", "metric", "measured", "beside", "bar", "reached"], *lines]


def bar_table(rows: Sequence[Row]) -> Table:
    """Return one line a row with a bar."""
    lines = [
        [row.case, row.metric, with_interval(row), row.bar, "yes" if row.ok else "NO"]
        for row in rows
        if row.bar is not None
    ]
    return [["case", "metric", "measured", "bar", "reached"], *lines]


def markdown(table: Table) -> str:
    """Return a table as Markdown; the first line is the head.

    Examples
    --------
    >>> print(markdown([["a", "b"], ["1", "x|y"]]))
    | a | b |
    | --- | --- |
    | 1 | x\\|y |
    """
    lines = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in table]
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([rows[0], "| " + " | ".join(["---"] * len(table[0])) + " |", *rows[1:]])


def plain(table: Table) -> str:
    """Return a table in aligned columns for a terminal."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
    return "\n".join(line.rstrip() for line in lines)


def accuracy_tables(rows: Sequence[Row]) -> str:
    """Return everything that the accuracy benchmark measured, for a terminal."""
    parts = [f"{case}\n{plain(predictor_table(rows, case))}" for case in cases_of(rows)]
    parts += [plain(gain_table(rows)), plain(interval_table(rows)), plain(bar_table(rows))]
    return "\n\n".join(parts)
