"""Where a demand curve hangs: the price of today, the units it sells, and the prices that were seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pricelm.decisions.demand.curves import ElasticityCurve

_RECENT_PERIODS = 13
_LEAST_ERROR = 0.02


def anchored_curve(
    rows: pd.DataFrame, elasticity: float, error: float, margin: float
) -> ElasticityCurve | None:
    """Hang a curve of known elasticity at a product's recent price and units.

    Recent units are brought to the reference price by the elasticity itself, averaged within every store,
    and added up over the stores; weeks that sold out are left out as long as others are there.

    Parameters
    ----------
    rows : pandas.DataFrame
        The product's rows of the panel, in all stores.
    elasticity, error : float
        Elasticity and standard error.
    margin : float
        Share by which support goes beyond the prices seen.

    Returns
    -------
    ElasticityCurve or None
        None where nothing was ever sold.
    """
    free = rows[~rows["sold_out"]]
    rows = free if free["units"].sum() > 0 else rows
    recent = rows[rows["period"] > rows["period"].max() - _RECENT_PERIODS]
    if not recent["units"].sum() > 0:
        recent = rows
    price = float(recent["price"].median())
    moved = recent["units"] * (price / recent["price"]) ** elasticity
    stores = moved.groupby(recent["store"])
    units = float(stores.mean().sum())
    if not units > 0:
        return None
    by_week = moved.groupby(recent["period"]).mean()
    noise = float(by_week.std(ddof=1) / by_week.mean() / np.sqrt(len(by_week))) if len(by_week) > 1 else 0.5
    seen = rows["price"]
    return ElasticityCurve(
        str(rows["sku"].iloc[0]),
        price,
        units,
        elasticity,
        error,
        max(noise, _LEAST_ERROR),
        float(seen.min()) * (1 - margin),
        float(seen.max()) * (1 + margin),
    )
