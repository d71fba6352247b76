"""What the price of a coming period does to the forecast: the elasticity of the demand ladder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.decisions.demand.records import DemandEstimate, DemandModel
from pricelm.decisions.demand.shrinkage import PUBLISHED_OWN
from pricelm.decisions.forecasting.series import SeriesTable

_STEEPEST = -8.0


@dataclass(frozen=True)
class PriceResponse:
    """How the units of one product follow its price.

    Parameters
    ----------
    elasticity, error : float
        Not above 0; standard error.
    rung : str
        Of the demand ladder.
    price_low, price_high : float
        Prices that demand is known for.
    note : str
        What to know of it; empty when the product's own prices tell.
    """

    elasticity: float
    error: float
    rung: str
    price_low: float
    price_high: float
    note: str = ""


def price_responses(table: SeriesTable, demand: DemandModel) -> dict[str, PriceResponse]:
    """Return the price response of every product of a table.

    Parameters
    ----------
    table : SeriesTable
        The series.
    demand : DemandModel
        What is known of the demand.

    Returns
    -------
    dict of str to PriceResponse
        A product that the model does not know has the published mean; a demand that would rise with the
        price counts as one that does not move.
    """
    known = {estimate.sku: estimate for estimate in demand.estimates}
    seen = pd.DataFrame(
        {"sku": table.keys["sku"], "low": table.prices.min(axis=1), "high": table.prices.max(axis=1)}
    )
    ends = seen.groupby("sku").agg(low=("low", "min"), high=("high", "max"))
    return {
        str(sku): _response(known.get(str(sku)), float(row["low"]), float(row["high"]))
        for sku, row in ends.iterrows()
    }


def _response(estimate: DemandEstimate | None, low: float, high: float) -> PriceResponse:
    if estimate is None or estimate.curve is None:
        prior = PUBLISHED_OWN
        note = f"price effect not known: it is that of {prior.source}"
        return PriceResponse(prior.mean, prior.standard_error, "none", low, high, note)
    curve = estimate.curve
    note = ""
    if estimate.own_estimate is None:
        note = (
            f"price effect not known for this product ({estimate.refusal or estimate.rung}): {estimate.why}"
        )
    if curve.elasticity > 0:
        note = "price effect has the wrong sign in the sales: taken as none"
    bounded = float(np.clip(curve.elasticity, _STEEPEST, 0.0))
    return PriceResponse(
        bounded, curve.elasticity_error, estimate.rung, curve.price_low, curve.price_high, note
    )


def factors(prices: np.ndarray, reference: np.ndarray, elasticity: np.ndarray) -> np.ndarray:
    """Return what a price makes of the units at the reference price, shape (n_series, n_periods).

    Examples
    --------
    >>> factors(np.array([[1.8]]), np.array([2.0]), np.array([-2.0])).round(4).tolist()
    [[1.2346]]
    """
    return np.asarray((prices / reference[:, None]) ** elasticity[:, None])


def future_prices(
    table: SeriesTable, starts: pd.DatetimeIndex, path: pd.DataFrame | None, period_days: int
) -> tuple[np.ndarray, list[str]]:
    """Return the price of every series in every coming period.

    Parameters
    ----------
    table : SeriesTable
        The series.
    starts : pandas.DatetimeIndex
        First day of each coming period.
    path : pandas.DataFrame, optional
        sku, price, and optionally store (``""`` for all) and date (NaT for all); later rows win over earlier
        ones, and those with a date or store over those without.
    period_days : int
        Length of a period.

    Returns
    -------
    prices : numpy.ndarray
        Shape (n_series, n_starts); the reference price where nothing is stated.
    notes : list of str
        Rows of the path that went nowhere.
    """
    prices = np.repeat(table.reference[:, None], len(starts), axis=1)
    if path is None or path.empty:
        return prices, []
    rows_of: Mapping[str, np.ndarray] = {
        str(sku): np.asarray(at) for sku, at in table.keys.groupby("sku").indices.items()
    }
    stores = table.keys["store"].to_numpy(str)
    stated = path.assign(detail=(path["store"] != "").astype(int) + 2 * path["date"].notna().astype(int))
    unknown: set[str] = set()
    outside = 0
    stated["step"] = (stated["date"] - starts[0]).dt.days // period_days
    for row in stated.sort_values("detail", kind="stable").to_dict("records"):
        at = rows_of.get(str(row["sku"]))
        if at is None:
            unknown.add(str(row["sku"]))
            continue
        if row["store"]:
            at = at[stores[at] == row["store"]]
        steps = np.arange(len(starts))
        if np.isfinite(row["step"]):
            steps = steps[steps == int(row["step"])]
            outside += not len(steps)
        prices[np.ix_(at, steps)] = row["price"]
    notes = []
    if unknown:
        first = ", ".join(sorted(unknown)[:3])
        notes.append(f"{len(unknown):,} products of the price path are not forecast, for example {first}")
    if outside:
        notes.append(f"{outside:,} rows of the price path lie outside the forecast periods")
    return prices, notes
