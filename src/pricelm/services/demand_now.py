"""What products of a store sell a week at the price of today, from the store's own sales."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pricelm.decisions.demand import SalesPanel, weekly_panel
from pricelm.decisions.forecasting import demand_levels
from pricelm.services.known_products import KnownProducts
from pricelm.services.stored_sales import StoredSales

WEEK_DAYS = 7.0
_FLAGGED = 0.5
_FURTHEST = 2.0
_UNKNOWN = 0.3
FROM_SALES, FROM_PLAN = "sales", "plan"


def weekly_demand(known: KnownProducts, sales: StoredSales) -> pd.DataFrame:
    """Return the units that each product is expected to sell a week.

    Past weeks are brought to the price of today by the elasticity of the newest plan, weeks with a promotion
    are left out, and what a sold-out week sold is taken as the least that was asked for. Where fewer than
    eight weeks are known, the units of the newest plan are taken.

    Parameters
    ----------
    known : KnownProducts
        The products, their prices and elasticities.
    sales : StoredSales
        Of the last year.

    Returns
    -------
    pandas.DataFrame
        Index sku; units, deviation (float64, NaN where nothing is known) and basis (``sales``, ``plan`` or
        ``""``).
    """
    found = pd.DataFrame(index=known.table.index)
    found["units"] = known.table["units"].where(known.table["planned"])
    found["deviation"] = np.sqrt(found["units"] + (_UNKNOWN * found["units"]) ** 2)
    found["basis"] = np.where(found["units"].notna(), FROM_PLAN, "")
    if sales.checked is None:
        return found
    panel = weekly_panel(sales.checked)
    demand, sold_out, skus = _grid(panel, known)
    if not len(skus):
        return found
    levels = demand_levels(demand, sold_out)
    learned = pd.DataFrame({"units": levels.units, "deviation": levels.deviation}, index=skus).dropna()
    learned *= [WEEK_DAYS / panel.period_days, np.sqrt(WEEK_DAYS / panel.period_days)]
    learned["basis"] = FROM_SALES
    learned = learned.loc[learned.index.isin(found.index)]
    found.loc[learned.index] = learned
    return found


def _grid(panel: SalesPanel, known: KnownProducts) -> tuple[np.ndarray, np.ndarray, pd.Index]:
    """Return units at the price of today and where all was sold, by product and period."""
    rows = panel.usable
    flagged = rows[list(panel.promotions)].max(axis=1) >= _FLAGGED if panel.promotions else False
    price = rows["sku"].map(known.table["price"])
    elasticity = rows["sku"].map(known.table["own_price_elasticity"]).fillna(0.0)
    # an elasticity says little about prices that are far away
    ratio = (price / rows["price"]).clip(1 / _FURTHEST, _FURTHEST).fillna(1.0)
    rows = rows.assign(at_price=rows["units"] * ratio**elasticity)[~pd.Series(flagged, index=rows.index)]
    if rows.empty:
        return np.empty((0, 0)), np.empty((0, 0), dtype=bool), pd.Index([])
    by_week = rows.groupby(["sku", "period"]).agg(units=("at_price", "sum"), sold_out=("sold_out", "any"))
    periods = range(int(panel.rows["period"].min()), int(panel.rows["period"].max()) + 1)
    units = by_week["units"].unstack("period").reindex(columns=periods)
    sold_out = by_week["sold_out"].astype(np.float64).unstack("period").reindex(columns=periods) > 0
    demand = units.to_numpy(dtype=np.float64)
    if not (panel.rows["units"] == 0).any():
        demand = _with_quiet_weeks(demand, _promoted(panel, units))
    return demand, sold_out.to_numpy(dtype=bool), units.index


def _promoted(panel: SalesPanel, units: pd.DataFrame) -> np.ndarray:
    """Return where there was a row, promoted or refused, that was left out on purpose."""
    there = panel.rows.groupby(["sku", "period"]).size().unstack("period")
    return np.asarray(there.reindex(index=units.index, columns=units.columns).notna().to_numpy())


def _with_quiet_weeks(demand: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Take a week without a row as one without a sale: sales that never say 0 leave such weeks out."""
    begun = np.maximum.accumulate(np.isfinite(demand), axis=1)
    return np.where(begun & ~there, 0.0, demand)
