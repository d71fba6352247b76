"""Rows on the 90 % intervals: how often they hold the price, how wide they are, and for whom they fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.cases import Case
from benchmarks.ours import OURS
from benchmarks.peers import CONFIDENCE_LEVEL
from benchmarks.results import Row, passes
from pricelm.evaluation.metrics import inside
from pricelm.evaluation.slices import binomial_coverage, coverage_by_group

COVERAGE_BAR = "0.88 .. 0.92"
COVERAGE_BAR_ROWS = 1000
SLICE_ROWS = 100
REFERENCE = "ridge"


def interval_rows(case: Case, slice_kind: str) -> Iterator[Row]:
    """Yield coverage, widths beside the ridge's split conformal, and coverage by slice.

    Parameters
    ----------
    case : Case
        Aligned predictions; without our intervals there are no rows.
    slice_kind : str
        What the slices are; only ``"category"`` has a bar.

    Yields
    ------
    Row
        ``coverage_90``, ``interval_width_log``, ``interval_width_price``, then one a slice.
    """
    ours = case.tables.get(OURS)
    if ours is None:
        return
    reference = case.tables.get(REFERENCE)
    yield _coverage_row(case, ours, reference)
    yield from _width_rows(case, ours, reference)
    yield from _slice_rows(case, ours, slice_kind)


def slice_levels(labels: pd.Series) -> pd.DataFrame:
    """Return each row once for every level of its category path.

    Parameters
    ----------
    labels : Series of str
        Paths such as ``Women/Shoes``; ``""`` where missing.

    Returns
    -------
    DataFrame
        Columns ``row`` (position in ``labels``) and ``label``.

    Examples
    --------
    >>> slice_levels(pd.Series(["Women/Shoes", ""])).values.tolist()
    [[0, 'Women'], [0, 'Women/Shoes']]
    """
    rows: list[tuple[int, str]] = []
    for row, label in enumerate(labels):
        names = label.split("/") if label else []
        rows += [(row, "/".join(names[:depth])) for depth in range(1, len(names) + 1)]
    return pd.DataFrame(rows, columns=["row", "label"])


def _coverage_row(case: Case, ours: pd.DataFrame, reference: pd.DataFrame | None) -> Row:
    value, low, high = _coverage(ours)
    peers = {} if reference is None else {f"{REFERENCE} + split conformal": _coverage(reference)[0]}
    bar = COVERAGE_BAR if len(ours) >= COVERAGE_BAR_ROWS else None
    return Row(
        case.name, "coverage_90", value, (low, high), peers, bar=bar, ok=passes(value, bar) if bar else None
    )


def _width_rows(case: Case, ours: pd.DataFrame, reference: pd.DataFrame | None) -> Iterator[Row]:
    for metric, gated in (("interval_width_log", True), ("interval_width_price", False)):
        value = _width(ours, log=gated)
        if reference is None:
            yield Row(case.name, metric, value)
            continue
        other = _width(reference, log=gated)
        bar = f"< {other:.4f}" if gated else None
        ok = value < other if gated else None
        yield Row(case.name, metric, value, None, {f"{REFERENCE} + split conformal": other}, bar=bar, ok=ok)


def _slice_rows(case: Case, ours: pd.DataFrame, slice_kind: str) -> Iterator[Row]:
    gated = slice_kind == "category"
    levels = slice_levels(ours["slice"]) if gated else _flat(ours["slice"])
    if levels.empty:
        return
    rows = ours.iloc[levels["row"]]
    table = coverage_by_group(
        rows["actual"],
        rows["lower"],
        rows["upper"],
        levels["label"],
        CONFIDENCE_LEVEL,
        SLICE_ROWS,
        clusters=rows["group"],
    )
    for found in table.to_dict("records"):
        yield Row(
            f"{case.name} {slice_kind} {found['group']} ({found['rows']} rows)",
            "coverage_90",
            float(found["coverage"]),
            (float(found["coverage_lower"]), float(found["coverage_upper"])),
            bar="not significantly off 0.9 (Holm)" if gated else None,
            ok=not found["significant"] if gated else None,
        )


def _flat(labels: pd.Series) -> pd.DataFrame:
    known = np.flatnonzero(labels != "")
    return pd.DataFrame({"row": known, "label": labels.to_numpy()[known]})


def _coverage(table: pd.DataFrame) -> tuple[float, float, float]:
    hits = int(inside(table["actual"], table["lower"], table["upper"]).sum())
    value, low, high = binomial_coverage(hits, len(table))
    return value, low, high


def _width(table: pd.DataFrame, *, log: bool) -> float:
    lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
    return float(np.mean(np.log1p(upper) - np.log1p(lower) if log else upper - lower))
