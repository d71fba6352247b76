"""Markdown: from a table of products with exit dates to a price for each week until then."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.kinds import to_dates, to_numbers
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.markdown import ExitProduct, Schedule, ScheduleConfig, markdown_schedule
from pricelm.decisions.markdown.page import markdown_page
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.product_table import read_products
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import now_text

_STOCK = ("on_hand", "stock")
_COLUMNS = ("sku", "week", "price", "units", "stock_left", "action", "refusal")
_UNBOUNDED = 0.3


@dataclass(frozen=True)
class MarkdownRequest:
    """What `plan_markdowns` is asked for.

    Parameters
    ----------
    products : str or pathlib.Path
        File or database address of the products: sku, price, on_hand, and exit_date where
        ``exit_date`` is not given.
    out : pathlib.Path
        Table to write: ``.csv``, ``.jsonl`` or ``.parquet``; everything goes beside it as ``.json``.
    exit_date : datetime.date, optional
        For products without one of their own.
    demand : str or pathlib.Path, optional
        Table of demand, where the products do not bring it.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Standard name to column.
    report : pathlib.Path, optional
        HTML page to write.
    today : datetime.date, optional
        First day of the first week.
    sell_through, explore : float, default 0
        As `ScheduleConfig` takes them.
    steps : sequence of float
        Shares off today's price that may be taken.
    """

    products: str | Path
    out: Path
    exit_date: date | None = None
    demand: str | Path | None = None
    query: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    report: Path | None = None
    today: date | None = None
    sell_through: float = 0.0
    explore: float = 0.0
    steps: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, eq=False)
class MarkdownResult:
    """What was planned and written.

    Parameters
    ----------
    schedules : list of Schedule
        One a product with an exit date.
    staying : int
        Products without an exit date.
    out, document : pathlib.Path
        The table, and everything in JSON.
    report, rejected : pathlib.Path or None
        The page, and rows that could not be used.
    rejected_counts : dict of str to int
        Their number by reason.
    """

    schedules: list[Schedule]
    staying: int
    out: Path
    document: Path
    report: Path | None
    rejected: Path | None
    rejected_counts: dict[str, int]

    @property
    def refusals(self) -> dict[str, int]:
        """Number of refused products by reason."""
        names = [one.refusal.split(":")[0] for one in self.schedules if one.refusal]
        return dict(Counter(names).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "out": str(self.out),
            "document": str(self.document),
            "report": str(self.report) if self.report else None,
            "without_exit_date": self.staying,
            "refusals": self.refusals,
            "rejected": str(self.rejected) if self.rejected else None,
            "rejected_counts": self.rejected_counts,
            "schedules": [one.to_dict() for one in self.schedules],
        }


def plan_markdowns(request: MarkdownRequest, progress: Progress = Silence()) -> MarkdownResult:
    """Plan the markdown of every product of a table that has an exit date.

    Parameters
    ----------
    request : MarkdownRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    MarkdownResult
        Schedules, refused ones included, and where they stand.

    Raises
    ------
    DataError
        If products or demand cannot be used, or no product has an exit date.
    ConfigError
        If the table would overwrite what it is made from.
    OutputError
        If something cannot be written.
    """
    price_format(request.out)
    document = request.out.with_suffix(".json")
    _check_places(request, document)
    config = ScheduleConfig(
        request.today or date.today(), request.sell_through, tuple(request.steps), request.explore
    )
    progress.start("reading products", 0)
    with RejectedRows(request.out) as rejected:
        table = read_products(
            request.products,
            query=request.query,
            columns=request.columns,
            today=config.today,
            demand=request.demand,
            need_cost=False,
        )
        rejected.add(table.rejected)
        for line in table.warnings:
            progress.say(f"note: {line}")
        products, staying = _leaving(table.facts.frame, request)
        progress.start("planning markdowns", len(products))
        schedules = []
        for product in products:
            schedules.append(product if isinstance(product, Schedule) else markdown_schedule(product, config))
            progress.advance(1, schedules[-1].sku)
        counts, place = dict(rejected.counts), rejected.path if rejected.counts else None
        result = MarkdownResult(schedules, staying, request.out, document, request.report, place, counts)
        _write(request, result, table.facts.currency)
    return result


def _check_places(request: MarkdownRequest, document: Path) -> None:
    outputs = [request.out, document, *([request.report] if request.report else [])]
    for source in (request.products, request.demand):
        if source is not None and Path(str(source)).resolve() in [path.resolve() for path in outputs]:
            raise ConfigError(f"expected another file to write to than to read from, got {source} for both")


def _leaving(frame: pd.DataFrame, request: MarkdownRequest) -> tuple[list[ExitProduct | Schedule], int]:
    """Return the products with an exit date, refused ones as schedules, and the number of the others."""
    stock_column = next((name for name in _STOCK if name in frame.columns), None)
    if stock_column is None:
        raise DataError(
            f"expected a column on_hand with the units to sell, got "
            f"{', '.join(map(str, frame.columns[:30]))}. "
            "Name one of them on_hand"
        )
    exits = pd.Series(pd.NaT, index=frame.index)
    if "exit_date" in frame.columns:
        exits = to_dates(frame["exit_date"])
        written = frame["exit_date"].notna() & frame["exit_date"].astype(str).str.strip().ne("")
        unread = written & exits.isna()
        if unread.any():
            value = frame.loc[unread, "exit_date"].iloc[0]
            raise DataError(
                f"expected dates in exit_date, such as 2027-02-28, got {str(value)[:40]!r}. Correct it"
            )
    if request.exit_date is not None:
        exits = exits.fillna(pd.Timestamp(request.exit_date))
    leaving = frame[exits.notna()]
    if leaving.empty:
        raise DataError(
            "expected products with an exit date, got none. Fill a column exit_date, or give --exit-date"
        )
    stock = to_numbers(leaving[stock_column])
    worth = (
        np.nan_to_num(to_numbers(leaving["leftover_value"]))
        if "leftover_value" in leaving.columns
        else np.zeros(len(leaving))
    )
    rows = leaving.to_dict("records")
    made = [
        _product({str(name): value for name, value in row.items()}, units, day.date(), value)
        for row, units, day, value in zip(rows, stock, exits[exits.notna()], worth, strict=True)
    ]
    return made, len(frame) - len(leaving)


def _product(row: Mapping[str, Any], stock: float, exit_date: date, worth: float) -> ExitProduct | Schedule:
    sku, price = str(row["sku"]), float(row["price"])
    if not (np.isfinite(stock) and stock >= 0):
        return Schedule(sku, refusal=f"no stock: expected units on hand of 0 or more, got {stock:g}")
    low, high = (_number(row.get(name)) for name in ("price_low", "price_high"))
    return ExitProduct(
        sku,
        price,
        int(stock),
        exit_date,
        float(row.get("demand_price") or price),
        float(row["units"]),
        float(row["own_price_elasticity"]),
        low if np.isfinite(low) else price * (1 - _UNBOUNDED),
        high if np.isfinite(high) else price * (1 + _UNBOUNDED),
        float(worth),
    )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _write(request: MarkdownRequest, result: MarkdownResult, currency: str) -> None:
    rows: list[dict[str, Any]] = []
    for one in result.schedules:
        rows += [{"sku": one.sku, **week, "refusal": ""} for week in one.weeks]
        if one.refusal:
            rows.append({"sku": one.sku, "refusal": one.refusal})
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    numeric = ["price", "units", "stock_left"]
    table[numeric] = table[numeric].astype(np.float64).round(4)
    with replaced_file(result.out) as draft:
        write_frame(table, draft, price_format(result.out))
    with replaced_file(result.document) as draft:
        stored = {"schema": 1, **result.to_dict()}
        text = json.dumps(stored, ensure_ascii=False, indent=1, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")
    if request.report is not None:
        page = markdown_page(result.schedules, Path(str(request.products)).name, now_text(), currency)
        with replaced_file(request.report) as draft:
            draft.write_text(page, encoding="utf-8")
