"""Stock as the console shows it: how long products last, what to order now, when to order the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil
from threading import RLock
from typing import Any

import numpy as np
import pandas as pd

from pricelm.decisions.inventory import StockPlan, stock_cover
from pricelm.services.demand_now import WEEK_DAYS, weekly_demand
from pricelm.services.known_products import STOCK_FIELDS, known_products
from pricelm.services.stocking import StockTerms, plan_table
from pricelm.services.stored_sales import Missing, stored_sales
from pricelm.services.worklist import WorkLists
from pricelm.storage.whole_market import market_mark, sales_span

_WEEKS_READ = 52
_KEPT = 4
_SOON_DAYS = 14
_FAR_DAYS = 3_650
STEPS = ("now", "soon", "later", "unknown")


@dataclass(frozen=True)
class StockOverview:
    """The stock of a shop.

    Parameters
    ----------
    rows : list of dict
        A product each, the most urgent first: sku, title, category, on_hand, on_order, units and deviation (a
        week), basis, cover, cover_low, cover_high (days), safety, point, up_to (units), risk (share), order
        (units), cost, step (``now``, ``soon``, ``later`` or ``unknown``), date (ISO, when to order),
        policy, why, planned.
    currency : str
        ISO code, or ``""``.
    now, soon, unknown : int
        Products to order now, within two weeks, and those that nothing can be said about.
    cost : float
        Of what is to be ordered now, as far as unit costs are known.
    uncosted : int
        Products to order now without a unit cost.
    cover : float or None
        Median days that a stock lasts.
    sold_until : datetime.date or None
        Day of the newest sale.
    batch : int or None
        The newest plan, whose products lead to their page.
    """

    rows: list[dict[str, Any]]
    currency: str
    now: int
    soon: int
    unknown: int
    cost: float
    uncosted: int
    cover: float | None
    sold_until: date | None
    batch: int | None


@dataclass(frozen=True, eq=False)
class StockView:
    """The stock of a store; what was worked out is remembered until something is loaded or a price goes out.

    Parameters
    ----------
    lists : WorkLists
        Of the store.
    """

    lists: WorkLists
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict, repr=False)
    _lock: Any = field(default_factory=RLock, repr=False)

    def overview(self, terms: StockTerms, today: date) -> StockOverview | Missing:
        """Return what to order.

        Parameters
        ----------
        terms : StockTerms
            Days between two looks, and the cost of holding.
        today : datetime.date
            Dates count from it.

        Returns
        -------
        StockOverview or Missing
            What the store lacks: ``products``, ``stock`` (units on hand), ``lead times`` or ``demand``.
        """
        with self._lock:
            key = self._mark(), terms, today
            if key not in self._kept:
                self._kept[key] = self._read(terms, today)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            found: StockOverview | Missing = self._kept[key]
            return found

    def _mark(self) -> tuple[str, str, int]:
        newest = self.lists.batches(1)
        with self.lists.store.reading() as session:
            return sales_span(session).mark, market_mark(session), newest[0].batch if newest else 0

    def _read(self, terms: StockTerms, today: date) -> StockOverview | Missing:
        known = known_products(self.lists)
        if not len(known.table):
            return Missing("products")
        for name, what in (("on_hand", "stock"), ("lead_time_days", "lead times")):
            if known.table[name].isna().all():
                return Missing(what)
        sales = stored_sales(self.lists.store, _WEEKS_READ)
        demand = weekly_demand(known, sales)
        if demand["units"].isna().all():
            return Missing("demand")
        table = known.table.drop(columns="units").join(demand)
        rows = _rows(table, terms, today)
        ordered = [row for row in rows if row["step"] == "now"]
        covers = [row["cover"] for row in rows if row["cover"] is not None]
        return StockOverview(
            rows,
            known.currency,
            len(ordered),
            sum(row["step"] == "soon" for row in rows),
            sum(row["step"] == "unknown" for row in rows),
            sum(row["cost"] or 0.0 for row in ordered),
            sum(row["cost"] is None for row in ordered),
            float(np.median(covers)) if covers else None,
            sales.last_day,
            known.batch,
        )


def _rows(table: pd.DataFrame, terms: StockTerms, today: date) -> list[dict[str, Any]]:
    columns = ["units", "deviation", "price", "unit_cost", *STOCK_FIELDS]
    plans = plan_table(table.reset_index()[["sku", *columns]], terms)
    known = table.to_dict("index")
    rows = [_row(plan, known[plan.sku], today) for plan in plans]
    rank = {step: place for place, step in enumerate(STEPS)}
    return sorted(
        rows, key=lambda row: (rank[row["step"]], row["date"] or "", -(row["risk"] or 0.0), row["sku"])
    )


def _row(plan: StockPlan, known: Mapping[Hashable, Any], today: date) -> dict[str, Any]:
    why = plan.refusal or plan.why
    if np.isnan(known["on_hand"]):
        # without a stock level the plan would read as if there were none
        plan, why = StockPlan(plan.sku, "none"), "no stock level"
    elif np.isnan(known["lead_time_days"]):
        plan, why = StockPlan(plan.sku, "none"), "no lead time"
    step, when = _when(plan, known, today)
    sells = known["units"] > 0 and not np.isnan(known["on_hand"])
    cover = stock_cover(known["on_hand"], known["units"], known["deviation"]) if sells else None
    cost = plan.order_units * known["unit_cost"] + (
        0.0 if np.isnan(known["order_cost"]) else known["order_cost"]
    )
    return {
        "sku": plan.sku,
        "title": known["title"],
        "category": known["category"],
        "on_hand": _number(known["on_hand"]),
        "on_order": _number(known["on_order"]),
        "units": _number(known["units"]),
        "deviation": _number(known["deviation"]),
        "basis": known["basis"],
        "cover": None if cover is None else cover.days,
        "cover_low": None if cover is None else cover.low,
        "cover_high": None if cover is None else cover.high,
        "safety": _number(plan.safety_stock),
        "point": _number(plan.reorder_point),
        "up_to": _number(plan.order_up_to),
        "risk": _number(plan.shortage_risk),
        "order": plan.order_units if plan.order_now else None,
        "cost": _number(cost) if plan.order_now else None,
        "step": step,
        "date": when,
        "policy": plan.policy,
        "why": why,
        "planned": bool(known["planned"]),
    }


def _when(plan: StockPlan, known: Mapping[Hashable, Any], today: date) -> tuple[str, str]:
    """Return how urgent an order is, and its day: when the stock falls to the reorder point."""
    if plan.reorder_point is None:
        return "unknown", ""
    if plan.order_now:
        return "now", today.isoformat()
    under_way = 0.0 if np.isnan(known["on_order"]) else known["on_order"]
    above = known["on_hand"] + under_way - plan.reorder_point
    days = min(ceil(above / known["units"] * WEEK_DAYS), _FAR_DAYS)
    step = "soon" if days <= _SOON_DAYS else "later"
    return step, (today + timedelta(days=days)).isoformat()


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
