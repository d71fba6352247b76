"""Cross elasticities: what the price of one product does to the units of another in the same category."""

from __future__ import annotations

import numpy as np
from scipy import stats

from pricelm.decisions.demand.design import Design
from pricelm.decisions.demand.regression import demean, least_squares, numbered
from pricelm.decisions.demand.shrinkage import Pool, Prior, pooled

_MOST_RIVALS = 12
_WEEKS_A_COLUMN = 4
_SPREAD = 0.5
_NO_EFFECT = Prior(0.0, _SPREAD, 0.0, 0, "no cross effect")


def cross_elasticities(design: Design, level: float) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Estimate the response of each product's units to each rival's price, steadied by the category's mean.

    Log units of a product are regressed on its own log price and those of its rivals in the same store and
    week, with store effects, season and promotions; weeks clustered. Every pair is shrunk towards the mean
    over all pairs of the category.

    Parameters
    ----------
    design : Design
        Rows of a category; at most 12 products that sell most are looked at.
    level : float
        Of the intervals.

    Returns
    -------
    dict
        Product to rival to (elasticity, low, high); empty where nothing can be said.
    """
    sku = design.rows["sku"].to_numpy(str)
    volume = design.rows.groupby("sku")["units"].sum().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in volume.index[:_MOST_RIVALS]]
    if len(names) < 2:
        return {}
    prices = _price_table(design, sku, names)
    raw: dict[tuple[str, str], tuple[float, float]] = {}
    for name in names:
        raw |= _pairs(design, np.flatnonzero(sku == name), name, names, prices)
    if not raw:
        return {}
    values, errors = np.array(list(raw.values())).T
    pool = pooled(values, errors, "pairs", Pool.of(_NO_EFFECT), scale=_SPREAD)
    reach = float(stats.norm.ppf((1 + level) / 2))
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for (name, rival), (value, error) in raw.items():
        mean, deviation, _ = pool.shrink(value, error)
        found.setdefault(name, {})[rival] = (mean, mean - reach * deviation, mean + reach * deviation)
    return found


def _price_table(design: Design, sku: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the log price of each named product in the store and week of every row, (n, len(names))."""
    cell = numbered(design.store.astype(np.int64) * (int(design.period.max()) + 1) + design.period)
    table = np.full((int(cell.max()) + 1, len(names)), np.nan)
    for column, name in enumerate(names):
        mine = sku == name
        table[cell[mine], column] = design.log_price[mine]
    return table[cell]


def _pairs(
    design: Design, chosen: np.ndarray, name: str, names: list[str], prices: np.ndarray
) -> dict[tuple[str, str], tuple[float, float]]:
    own = names.index(name)
    order = [own] + [column for column in range(len(names)) if column != own]
    table = prices[chosen][:, order]
    order = [column for place, column in enumerate(order) if np.isfinite(table[:, place]).mean() > 0.5]
    table = prices[chosen][:, order]
    whole = np.isfinite(table).all(axis=1) & ~design.rows["sold_out"].to_numpy(bool)[chosen]
    at, table = chosen[whole], table[whole]
    x = np.column_stack([table, design.flags[at], design.season[at]])
    if len(order) < 2 or order[0] != own or len(at) < _WEEKS_A_COLUMN * x.shape[1]:
        return {}
    within = demean(np.column_stack([design.log_units[at], x]), [design.series[at]])
    weeks = numbered(design.period[at])
    if weeks.max() + 1 < _WEEKS_A_COLUMN * len(order):
        return {}
    fit = least_squares(within[:, 0], within[:, 1:], clusters=weeks)
    pairs = {}
    for place, column in enumerate(order[1:], start=1):
        value, error = float(fit.coefficients[place]), float(fit.standard_errors[place])
        if np.isfinite(value) and error > 0:
            pairs[name, names[column]] = (value, error)
    return pairs
