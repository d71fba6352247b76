"""Products that have not sold yet: what the price model thinks they are worth stands in for sales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pricelm.core.errors import DataError
from pricelm.core.protocols import PricePredictor
from pricelm.decisions.demand.curves import ElasticityCurve
from pricelm.decisions.demand.records import Confounding, DemandEstimate, DemandModel
from pricelm.decisions.demand.shrinkage import PUBLISHED_OWN, Prior

_UNITS_ERROR_WITHOUT_SALES = 1.0


def willingness_to_pay(
    model: DemandModel,
    predictor: PricePredictor,
    listings: pd.DataFrame,
    sku: np.ndarray,
    category: np.ndarray,
) -> DemandModel:
    """Add products without sales to a demand model.

    The predicted price is the reference price and the interval around it is the support: what customers pay
    for products that read like this one. The elasticity is the prior of the category, and the units are the
    median of what its products sell, with an error of about a factor of three. Products that are in the
    model with a curve stay as they are.

    Parameters
    ----------
    model : DemandModel
        Learned demand.
    predictor : PricePredictor
        For example a ``PriceModel``.
    listings : pandas.DataFrame
        What is written about the products, n rows.
    sku, category : numpy.ndarray
        Name and category of each, shape (n,).

    Returns
    -------
    DemandModel
        With one more estimate a new product, on the rung "willingness to pay".

    Raises
    ------
    DataError
        If the numbers of rows differ, or no known product has a curve to take units from.

    Examples
    --------
    >>> class Flat:
    ...     def predict(self, X):
    ...         return np.full(len(X), 8.0)
    ...     def predict_interval(self, X, confidence_level=None):
    ...         return np.tile([6.0, 10.0], (len(X), 1))
    >>> curve = ElasticityCurve("old", 5.0, 40.0, -2.0, 0.2, 0.1, 4.0, 6.0)
    >>> badge = Confounding("not tested")
    >>> old = DemandEstimate("old", "tea", "instruments", "", curve, -2.3, -1.7, 0.9, badge)
    >>> new = willingness_to_pay(DemandModel([old]), Flat(), pd.DataFrame({"title": ["green tea"]}),
    ...                          np.array(["new"]), np.array(["tea"]))
    >>> new.estimates[0].rung, new.curve("new").units(np.array([8.0])).tolist()
    ('willingness to pay', [40.0])
    """
    if not len(listings) == len(sku) == len(category):
        raise DataError(
            f"expected one sku and category a listing, got {len(sku)} for {len(listings)} listings"
        )
    known = {estimate.sku for estimate in model.estimates if estimate.curve is not None}
    prices = np.asarray(predictor.predict(listings), dtype=np.float64)
    ends = np.asarray(predictor.predict_interval(listings), dtype=np.float64)
    kept = [estimate for estimate in model.estimates if estimate.sku not in set(map(str, sku)) - known]
    level = kept[0].confidence_level if kept else 0.9
    fresh = []
    for row, (one, kind) in enumerate(zip(map(str, sku), map(str, category), strict=True)):
        if one in known:
            continue
        prior = _prior(model.priors, kind)
        units = _usual_units(model, kind)
        curve = None
        if np.isfinite([prices[row], *ends[row]]).all() and min(prices[row], ends[row, 0]) > 0:
            low, high = min(ends[row, 0], prices[row]), max(ends[row, 1], prices[row])
            spread = prior.standard_error
            curve = ElasticityCurve(
                one,
                float(prices[row]),
                units,
                prior.mean,
                spread,
                _UNITS_ERROR_WITHOUT_SALES,
                float(low),
                float(high),
            )
        fresh.append(_estimate(one, kind, prior, curve, level))
    return replace(model, estimates=sorted([*kept, *fresh], key=lambda estimate: estimate.sku))


def _estimate(
    sku: str, category: str, prior: Prior, curve: ElasticityCurve | None, level: float
) -> DemandEstimate:
    badge = Confounding("not tested", evidence="there are no sales")
    if curve is None:
        why = "no price: the price model cannot price it"
        return DemandEstimate(sku, category, "none", why, None, None, None, level, badge, refusal=why)
    reach = float(stats.norm.ppf((1 + level) / 2)) * prior.standard_error
    why = (
        "no sales yet: the price model says what it is worth, the elasticity is that of "
        f"{prior.source}, the units are the median of its category"
    )
    low, high = prior.mean - reach, prior.mean + reach
    return DemandEstimate(
        sku, category, "willingness to pay", why, curve, low, high, level, badge, refusal="no sales"
    )


def _prior(priors: Mapping[str, Mapping[str, Any]], category: str) -> Prior:
    stored = priors.get(category)
    return Prior(**stored) if stored else PUBLISHED_OWN


def _usual_units(model: DemandModel, category: str) -> float:
    curves = [(one.category, one.curve.reference_units) for one in model.estimates if one.curve is not None]
    same = [units for kind, units in curves if kind == category] or [units for _, units in curves]
    if not same:
        raise DataError("expected a product with sales to take the usual units from, got none with a curve")
    return float(np.median(same))
