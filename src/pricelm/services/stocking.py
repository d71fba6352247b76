"""Stock: from a table of products to what to order, as a table, JSON and a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.kinds import to_numbers
from pricelm.catalog.readers import read_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand import DemandModel
from pricelm.decisions.forecasting import SalesForecast
from pricelm.decisions.inventory.page import stock_page
from pricelm.decisions.inventory.plan import StockPlan, StockProduct, plan_stock
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.reporting import now_text

_NEEDED = ("sku", "lead_time_days")
_NUMBERS = ("units", "deviation", "price", "unit_cost", "holding", "shortage", "lead_time_days")
_ZEROS = ("lead_time_deviation_days", "on_hand", "on_order", "order_cost")
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class StockTerms:
    """How often the stock is looked at, and what is assumed where a product does not say it.

    Parameters
    ----------
    period_days : float, default 7
        What units, deviation and holding cost speak of.
    review_days : float, default 7
        Days between two looks at the stock.
    holding_rate : float, default 0.25
        Cost of holding a unit for a year as a share of its cost, where ``holding`` is not given.
    noise : float, default 0.3
        Deviation of the units of a period as a share of their mean, beyond the chance of single customers,
        where ``deviation`` is not given.

    Raises
    ------
    ConfigError
        If a number makes no sense.
    """

    period_days: float = 7.0
    review_days: float = 7.0
    holding_rate: float = 0.25
    noise: float = 0.3

    def __post_init__(self) -> None:
        rates = (self.period_days, self.review_days, self.holding_rate)
        if not np.isfinite([*rates, self.noise]).all() or min(rates) <= 0 or self.noise < 0:
            raise ConfigError(
                f"expected days and a holding rate above 0 and noise of 0 or more, got {(*rates, self.noise)}"
            )


@dataclass(frozen=True)
class StockRequest:
    """What `plan_orders` is asked for.

    Parameters
    ----------
    products : str or pathlib.Path
        File or database address of the products.
    out : pathlib.Path
        Table to write: ``.csv``, ``.jsonl`` or ``.parquet``; the same goes beside it as ``.json``.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column, where names do not tell.
    demand : pathlib.Path, optional
        Demand model: units at the price of each product are taken from it.
    report : pathlib.Path, optional
        HTML page to write.
    period_days : float, default 7
        What units, deviation and holding cost speak of.
    review_days : float, default 7
        Days between two looks at the stock.
    holding_rate : float, default 0.25
        Cost of holding a unit for a year as a share of its cost, where ``holding`` is not given.
    noise : float, default 0.3
        Deviation of the units of a period as a share of their mean, beyond the chance of single customers,
        where ``deviation`` is not given.
    prices : pathlib.Path, optional
        Table of prices that `pricelm optimize` wrote: its proposed prices are the chosen ones.
    forecast : pathlib.Path, optional
        Forecast in JSON: units and deviation at the prices it was made for are taken from it; not with
        ``demand``.
    """

    products: str | Path
    out: Path
    query: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    demand: Path | None = None
    report: Path | None = None
    period_days: float = 7.0
    review_days: float = 7.0
    holding_rate: float = 0.25
    noise: float = 0.3
    prices: Path | None = None
    forecast: Path | None = None

    @property
    def terms(self) -> StockTerms:
        """The settings that concern the plan alone."""
        return StockTerms(self.period_days, self.review_days, self.holding_rate, self.noise)


@dataclass(frozen=True)
class StockResult:
    """What was planned and written.

    Parameters
    ----------
    plans : list of StockPlan
        One a product, refused ones included.
    out, document : pathlib.Path
        The table, and the same in JSON.
    report : pathlib.Path or None
        The page.
    """

    plans: list[StockPlan]
    out: Path
    document: Path
    report: Path | None

    @property
    def refusals(self) -> dict[str, int]:
        """Number of refused products by reason."""
        return dict(Counter(plan.refusal.split(":")[0] for plan in self.plans if plan.refusal).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "out": str(self.out),
            "document": str(self.document),
            "report": str(self.report) if self.report else None,
            "refusals": self.refusals,
            "rows": [plan.row() for plan in self.plans],
        }


def plan_orders(request: StockRequest, progress: Progress = Silence()) -> StockResult:
    """Say for every product of a table when to order how much.

    Parameters
    ----------
    request : StockRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    StockResult
        The plans and where they stand.

    Raises
    ------
    DataError
        If the table has no usable columns.
    ConfigError
        If an option makes no sense.
    OutputError
        If something cannot be written.
    """
    price_format(request.out)
    document = request.out.with_suffix(".json")
    if Path(str(request.products)).resolve() in (request.out.resolve(), document.resolve()):
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")
    terms = request.terms
    if request.demand and request.forecast:
        raise ConfigError("expected units from --demand or from --forecast, got both. Leave one out")
    progress.start("planning stock", 0)
    table = _table(read_listings(request.products, query=request.query), request.columns)
    if request.prices is not None:
        table = _with_prices(table, request.prices)
    if request.demand:
        sources = _Sources(DemandModel.load(request.demand))
    else:
        sources = _Sources(forecast=SalesForecast.load(request.forecast) if request.forecast else None)
    plans = _plans(table, terms, sources)
    _write(request, plans, document)
    return StockResult(plans, request.out, document, request.report)


@dataclass(frozen=True)
class _Sources:
    """Where units come from, when not from the table of products."""

    demand: DemandModel | None = None
    forecast: SalesForecast | None = None


def _table(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    roles = ("sku", *_NUMBERS, *_ZEROS)
    unknown = sorted(set(columns) - set(roles))
    if unknown:
        raise ConfigError(f"expected one of the roles {', '.join(roles)}, got {unknown[0]!r}")
    named = {role: columns.get(role, role) for role in roles}
    said = [column for column in columns.values() if column not in frame.columns]
    missing = said + [role for role in _NEEDED if named[role] not in frame.columns]
    if missing:
        raise DataError(
            f"expected a column {missing[0]!r}, got {', '.join(map(str, frame.columns[:30]))}. "
            f"Name it: --column {missing[0]}=COLUMN"
        )
    table = pd.DataFrame({"sku": frame[named["sku"]].astype(str).str.strip()})
    for role in roles[1:]:
        known = named[role] in frame.columns
        values = to_numbers(frame[named[role]]) if known else np.full(len(frame), np.nan)
        empty = frame[named[role]].isna().to_numpy() if known else np.ones(len(frame), dtype=bool)
        # an empty cell is a default; a word where a number should be is not
        table[role] = np.where(empty & (role in _ZEROS), 0.0, values)
    return table


def plan_table(table: pd.DataFrame, terms: StockTerms = StockTerms()) -> list[StockPlan]:
    """Say for every product of a table in memory when to order how much.

    Parameters
    ----------
    table : pandas.DataFrame
        sku (str), and the roles of `StockRequest` as float64 columns; NaN where not known.
    terms : StockTerms
        What is assumed where a product does not say it.

    Returns
    -------
    list of StockPlan
        One a row, refused ones included.

    Examples
    --------
    >>> table = pd.DataFrame({"sku": ["tea"], "units": [50.0], "price": [4.0], "unit_cost": [2.0],
    ...     "lead_time_days": [14.0], "on_hand": [90.0]})
    >>> [plan] = plan_table(table)
    >>> plan.policy, plan.order_now
    ('base stock', True)
    """
    whole = table.reindex(columns=["sku", *_NUMBERS, *_ZEROS])
    zeros = list(_ZEROS)
    whole[zeros] = whole[zeros].fillna(0.0)
    return _plans(whole, terms, _Sources())


def _with_prices(table: pd.DataFrame, source: Path) -> pd.DataFrame:
    """Take the proposed price of every product that the plan knows."""
    plan = read_listings(source)
    if not {"sku", "proposed_price"} <= set(plan.columns):
        raise DataError(
            f"{source}: expected the columns sku and proposed_price, as `pricelm optimize` writes them, got "
            f"{', '.join(map(str, plan.columns[:30]))}"
        )
    known = dict(zip(plan["sku"].astype(str).str.strip(), to_numbers(plan["proposed_price"]), strict=True))
    proposed = table["sku"].map(known)
    return table.assign(price=proposed.where(proposed.notna(), table["price"]))


def _plans(table: pd.DataFrame, terms: StockTerms, sources: _Sources) -> list[StockPlan]:
    plans: list[StockPlan] = []
    seen: set[str] = set()
    for row in table.to_dict("records"):
        sku = str(row["sku"])
        try:
            if sku in seen:
                raise DataError("repeated product: it stands in the table more than once")
            seen.add(sku)
            one = _product({str(name): value for name, value in row.items()}, terms, sources)
            plans += plan_stock([one], terms.period_days, terms.review_days / terms.period_days)
        except DataError as error:
            plans.append(StockPlan(sku, "none", refusal=str(error)))
    return plans


def _product(row: Mapping[str, Any], terms: StockTerms, sources: _Sources) -> StockProduct:
    for name in (*_ZEROS, "lead_time_days"):
        if not np.isfinite(row[name]):
            raise DataError(f"not a number: expected a number of {name}")
    units, deviation = float(row["units"]), float(row["deviation"])
    noise = terms.noise
    if sources.demand is not None:
        units, spread = _at_price(sources.demand, row, terms.period_days)
        noise = float(np.hypot(noise, spread))
        deviation = float("nan")
    if sources.forecast is not None:
        periods = terms.period_days / sources.forecast.period_days
        units, deviation = sources.forecast.rate(str(row["sku"]))
        units, deviation = units * periods, deviation * float(np.sqrt(periods))
    if not np.isfinite(units):
        raise DataError(
            "no demand: expected units a period, or a demand model or forecast that knows the product"
        )
    if not np.isfinite(deviation) and units >= 0:
        deviation = float(np.sqrt(units + (noise * units) ** 2))
    holding, shortage = float(row["holding"]), float(row["shortage"])
    if not np.isfinite(holding):
        holding = float(row["unit_cost"]) * terms.holding_rate * terms.period_days / _DAYS_A_YEAR
    if not np.isfinite(shortage):
        shortage = float(row["price"]) - float(row["unit_cost"])
        if shortage <= 0:
            raise DataError(
                f"costs above prices: the price {row['price']:g} and the cost {row['unit_cost']:g} leave no "
                "margin to lose. Give a shortage cost"
            )
    return StockProduct(
        str(row["sku"]),
        units,
        deviation,
        holding,
        shortage,
        row["lead_time_days"] / terms.period_days,
        row["lead_time_deviation_days"] / terms.period_days,
        row["on_hand"],
        row["on_order"],
        row["order_cost"],
    )


def _at_price(model: DemandModel, row: Mapping[str, Any], period_days: float) -> tuple[float, float]:
    """Units a period at the chosen price, and the share by which the curve itself is unsure."""
    curve = model.curve(str(row["sku"]))
    price = row["price"] if np.isfinite(row["price"]) else curve.reference_price
    units = float(curve.units(np.array([price]))[0]) * period_days / model.period_days
    draws = curve.draws(np.array([price]))[:, 0]
    return units, float(draws.std() / draws.mean())


def _write(request: StockRequest, plans: list[StockPlan], document: Path) -> None:
    table = pd.DataFrame([plan.row() for plan in plans], columns=list(StockPlan("", "").row()))
    numeric = [
        "reorder_point",
        "order_up_to",
        "order_quantity",
        "safety_stock",
        "cover_days",
        "shortage_risk",
    ]
    table[numeric] = table[numeric].astype(np.float64).round(4)
    with replaced_file(request.out) as draft:
        write_frame(table, draft, price_format(request.out))
    settings = {
        name: getattr(request, name) for name in ("period_days", "review_days", "holding_rate", "noise")
    }
    with replaced_file(document) as draft:
        stored = {"schema": 1, "settings": settings, "plans": [plan.row() for plan in plans]}
        text = json.dumps(stored, ensure_ascii=False, indent=1, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")
    if request.report is not None:
        page = stock_page(plans, Path(str(request.products)).name, now_text())
        with replaced_file(request.report) as draft:
            draft.write_text(page, encoding="utf-8")
