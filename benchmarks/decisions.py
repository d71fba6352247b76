"""``python -m benchmarks.decisions --data ../shared/data``: decisions against what others published.

Each part is a module of its own that returns rows; here they run one after the other into one table. It is
meant to take about five minutes on two cores; the parts that measure seconds need them for themselves.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from benchmarks import competition, demand, dynamic, forecast, inventory, optimization, promotion
from benchmarks.results import Document, Row, versions
from benchmarks.tables import Table, number, plain, with_interval
from pricelm.core.errors import ConfigError, DataError

RESULT = Path("benchmarks/results/decisions.json")
_BETWEEN = re.compile(r"(\S+) \.\. (\S+)")


def parts(data: Path) -> dict[str, Callable[[], list[Row]]]:
    """Return what is measured, by name; a new part is a line here.

    Parameters
    ----------
    data : Path
        Folder of the public data sets.
    """
    return {
        "demand": lambda: [row for oracle in demand.oracles(data).values() for row in oracle()],
        "inventory": inventory.inventory_rows,
        "promotion": promotion.promotion_rows,
        "optimization": _optimization_rows,
        "forecast": forecast.forecast_rows,
        "dynamic": lambda: [
            *dynamic.matrix_rows(40),
            *dynamic.off_policy_rows(60),
            *dynamic.power_rows(4000),
        ],
        "competition": lambda: competition.competition_rows(data),
    }


def measured(chosen: Mapping[str, Callable[[], list[Row]]]) -> list[Row]:
    """Run parts one after the other; the case of a row begins with the name of its part."""
    rows = []
    for name, part in chosen.items():
        began = perf_counter()
        rows += [replace(row, case=f"{name}: {row.case}") for row in part()]
        print(f"{name}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def published_table(rows: Sequence[Row]) -> Table:
    """Return one line for every row that has a published figure or a bar: published, ours, tolerance.

    Examples
    --------
    >>> bar = "56.599 .. 56.601"
    >>> row = Row("stock: newsvendor", "level", 56.604, None, {}, {"stockpyl": 56.6}, bar, False)
    >>> published_table([row])[1]
    ['stock: newsvendor', 'level', '56.6000 (stockpyl)', '56.6040', '+-0.001', 'NO']
    """
    lines = []
    for row in rows:
        if row.bar is None and not row.published:
            continue
        known = "; ".join(f"{number(value, row.metric)} ({name})" for name, value in row.published.items())
        reached = {None: "", True: "yes", False: "NO"}[row.ok]
        lines.append([row.case, row.metric, known or "-", with_interval(row), _tolerance(row), reached])
    return [["case", "metric", "published", "ours", "tolerance", "reached"], *lines]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, print the table and one JSON document; 0 if all bars are reached, 2 without data."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=Path("../shared/data"), help="folder of the public data sets")
    add("--only", default="", help="names of parts with commas, such as demand,inventory")
    add("--out", type=Path, default=RESULT, help="where to keep the document, when all parts ran")
    options = parser.parse_args(arguments)
    try:
        rows = measured(_chosen(parts(options.data), options.only))
    except (ImportError, FileNotFoundError, ConfigError, DataError) as error:
        print(f"benchmarks.decisions: cannot be measured here: {error}", file=sys.stderr)
        return 2
    document = Document("decisions", rows, versions())
    if not options.only:
        document.write(options.out)
    print(plain(published_table(rows)), "", document.line(), sep="\n")
    return 0 if document.ok else 1


def _chosen(known: dict[str, Callable[[], list[Row]]], only: str) -> dict[str, Callable[[], list[Row]]]:
    names = [name.strip() for name in only.split(",") if name.strip()] or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"expected parts among {', '.join(known)}, got {unknown[0]!r}")
    return {name: known[name] for name in names}


def _optimization_rows() -> list[Row]:
    return [
        *optimization.speed_rows(20_000),
        *optimization.stream_rows(1_000_000),
        *optimization.exactness_rows(300),
        *optimization.regret_rows(20, 500),
    ]


def _tolerance(row: Row) -> str:
    """Write a bar as a distance from the one published figure in its middle, or as it is."""
    between = _BETWEEN.fullmatch(row.bar or "")
    if between and len(row.published) == 1:
        low, high = (float(end) for end in between.groups())
        middle = next(iter(row.published.values()))
        if abs((low + high) / 2 - middle) <= 1e-3 * max(abs(high - low), 1e-9) + 1e-6:
            return f"+-{(high - low) / 2:.2g}"
    return row.bar or ""


if __name__ == "__main__":
    sys.exit(main())
